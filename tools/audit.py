"""Asks pip-audit about every package of this environment; where no source answers, nothing was judged.

`make audit` runs it: exit code 0 only when each package was judged and none has a known vulnerability.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SECONDS = 300


@dataclass(frozen=True)
class Verdict:
    lines: tuple[str, ...]
    exit_code: int


def ask(command: Sequence[str], seconds: float = _SECONDS) -> Verdict:
    """Runs pip-audit and says in words what it found; never a traceback."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _not_judged(type(error).__name__)
    try:
        found = json.loads(done.stdout)["dependencies"]
        return read(found)
    except (ValueError, KeyError, TypeError):
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return _not_judged(said[-1][:300] if said else f"pip-audit ended with {done.returncode}")


def read(found: Sequence[dict[str, Any]]) -> Verdict:
    """The verdict on pip-audit's list of packages (its JSON format)."""
    if not found:
        return _not_judged("pip-audit named no package")
    lines = []
    for package in found:
        if "skip_reason" in package:
            lines.append(f"not judged: {package['name']}: {package['skip_reason']}")
        for one in package.get("vulns", ()):
            fixed = ", ".join(one["fix_versions"]) or "no version yet"
            lines.append(f"{package['name']} {package['version']}: {one['id']}, fixed in {fixed}")
    if lines:
        return Verdict(tuple(lines), 1)
    return Verdict((f"{len(found)} packages, no known vulnerability",), 0)


def _not_judged(reason: str) -> Verdict:
    return Verdict((f"not judged: {reason}",), 1)


def main(arguments: Sequence[str]) -> int:
    """Audits the packages in the folder that is named first, by the `pip-audit` that is named second."""
    folder, program = arguments
    options = ("--progress-spinner", "off", "--format", "json", "--skip-editable", "--path", folder)
    verdict = ask((program, *options))
    print("\n".join(verdict.lines))
    return verdict.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
