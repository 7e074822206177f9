"""The bridge: the long-lived part of messaging, from the relay to the gateway and back."""
