"""The one long-lived process: its components, their supervision, and what starts, stops and watches it."""
