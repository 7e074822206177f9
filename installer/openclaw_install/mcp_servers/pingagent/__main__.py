"""`python -m openclaw_install.mcp_servers.pingagent`, in a checkout: writes the manual from the table."""

from __future__ import annotations

from openclaw_install.common.data_files import data_folder
from openclaw_install.mcp_servers.pingagent.manual import manual, with_skill_list


def write_manual() -> None:
    """Writes `docs/tools.md` and the list in the skill's reference anew."""
    skills = data_folder("skills")
    (skills.parent / "docs" / "tools.md").write_text(manual(), encoding="utf-8")
    reference = skills / "pingagent" / "references" / "tools.md"
    reference.write_text(with_skill_list(reference.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_manual()
