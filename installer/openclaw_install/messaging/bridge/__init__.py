"""From the relay to the gateway and back: the long-lived part of messaging."""
