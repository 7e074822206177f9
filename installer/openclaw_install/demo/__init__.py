"""A real OpenClaw, provisioned and isolated, with a stub model: the demo's story and the tests' rig."""
