"""Runnable benchmarks: each prints its figures beside the thing to beat, measured in the same run."""
