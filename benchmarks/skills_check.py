"""`skills check` against `openclaw skills list --json` over the same 2,000 skills, side by side in one run.

Usage: python benchmarks/skills_check.py [NUMBER OF SKILLS]
It fetches OpenClaw into the cache if it is not there; exit code 1 if ours is less than three times as fast.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from openclaw_install.demo.provision import cache_folder, provision
from openclaw_install.demo.scratch_host import ScratchHost

_TARGET = 3.0
_ROUNDS = 3
_FRONTMATTERS = (
    "name: {name}\ndescription: Use when you plan or mend {name} work.\nlicense: MIT\n",
    'name: {name}\ndescription: "Guide. Use when: asked."\nmetadata:\n  author: a\n  version: "1"\n',
    "name: {name}\ndescription: >\n  Folded text,\n  over two lines.\nallowed-tools: Read, Write\n",
    "name: {name}\ndescription: Does {name}: this, that. Triggers on a, b.\ntags: [a, b]\n",
    'name: {name}\ndescription: T\nmetadata: {{"openclaw":{{"requires":{{"bins":["sh"]}}}}}}\n',
    "name: {name}\ndescription: |\n  Literal text about {name}\n\n  - one\n  - two # three\nversion: 1.2.3\n",
    "name: {name}\ndescription: One\n  plain text on\n  three lines # with a comment\n",
)


def main() -> int:
    """Runs both, prints the times and their ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    openclaw = provision(lambda line: print(line, file=sys.stderr), cache=cache_folder())
    with tempfile.TemporaryDirectory() as folder:
        host = ScratchHost(openclaw, Path(folder))
        root = host.root / "workspace" / "skills"
        _write_skills(root, count)
        limits = {"maxCandidatesPerRoot": count + 1, "maxSkillsLoadedPerSource": count + 1}
        host.write_config(
            {"agents": {"defaults": {"workspace": str(root.parent)}}, "skills": {"limits": limits}}
        )
        ours = [sys.executable, "-m", "openclaw_install", "skills", "check", str(root), "--json"]
        theirs = openclaw.command("skills", "list", "--json")
        our_time, our_result = _best(ours, host.env)
        their_time, their_result = _best(theirs, host.env)
    checked = {entry["name"] for entry in our_result["result"]["skills"]}
    listed = {entry["name"] for entry in their_result["skills"]}
    assert len(checked) == count, f"ours found {len(checked)}"
    assert checked <= listed, "OpenClaw does not list every skill that we found"
    ratio = their_time / our_time
    print(f"skills: {count} (best of {_ROUNDS} runs each, as processes)")
    print(f"openclaw skills list --json:    {their_time:7.2f} s")
    print(f"openclaw-install skills check:  {our_time:7.2f} s")
    print(f"ratio: {ratio:.1f} (target: at least {_TARGET})")
    return 0 if ratio >= _TARGET else 1


def _write_skills(root: Path, count: int) -> None:
    body = "\n# Title\n\n" + "Some instructions for the agent. " * 120 + "\n"
    for number in range(count):
        name = f"skill-{number:05}"
        (root / name).mkdir(parents=True)
        frontmatter = _FRONTMATTERS[number % len(_FRONTMATTERS)].format(name=name)
        (root / name / "SKILL.md").write_text(f"---\n{frontmatter}---\n{body}", encoding="utf-8")


def _best(command: list[str], env: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """The shortest wall time of a few runs, in seconds, and the JSON that the last one printed."""
    times = []
    output = ""
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=True)
        times.append(time.perf_counter() - started)
        output = done.stdout
    return min(times), json.loads(output)


if __name__ == "__main__":
    sys.exit(main())
