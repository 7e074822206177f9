"""Twins of the package's seams, which only tests use."""
