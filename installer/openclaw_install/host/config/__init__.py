"""OpenClaw's config document: read as OpenClaw reads it, edited by span."""
