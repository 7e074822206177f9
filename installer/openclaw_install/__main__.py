"""`python -m openclaw_install`."""

from openclaw_install.surfaces.cli.main import entry_point

entry_point()
