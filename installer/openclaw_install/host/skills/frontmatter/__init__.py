"""A SKILL.md's frontmatter: PyYAML with OpenClaw's rules around it, and where the two may differ."""
