"""Errors, atomic files, locks, redaction and the data folders: what every floor may use."""
