"""The fuzz and fault harness: the real parts under load, kill -9, faults, floods and damaged input."""
