"""SKILL.md files as OpenClaw finds and judges them."""
