"""`python -m openclaw_install.surfaces.mcp.pingagent`, in a checkout: writes the manual from the table."""

from __future__ import annotations

from pathlib import Path

from openclaw_install.common.data_files import data_folder
from openclaw_install.surfaces.mcp.pingagent.manual import manual, with_skill_list

MANUAL = Path("docs", "tools.md")
REFERENCE = Path("skills", "pingagent", "references", "tools.md")


def write_manual(checkout: Path) -> None:
    """Writes the manual and the list in the skill's reference anew."""
    (checkout / MANUAL).write_text(manual(), encoding="utf-8")
    reference = checkout / REFERENCE
    reference.write_text(with_skill_list(reference.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_manual(data_folder("skills").parent)
