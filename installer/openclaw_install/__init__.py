"""Sets an OpenClaw host up, proves it on the running gateway and repairs it when it breaks."""

__version__ = "0.2.0"
