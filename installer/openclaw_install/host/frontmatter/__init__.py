"""A SKILL.md's frontmatter: a port of the `yaml` package as OpenClaw uses it, and of OpenClaw's mending."""
