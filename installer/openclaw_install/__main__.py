"""`python -m openclaw_install`."""

from openclaw_install.cli.main import entry_point

entry_point()
