"""How many secrets the upload gate holds: 78 forms with random values each, and the ten worst of them.

Usage: python -m benchmarks.gate_recall [VALUES OF EACH FORM] [SEED]
Exit code 1 if fewer than 95 of 100 are heldin any form.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks.gate_forms import forms
from openclaw_install.sync.gate import scan

_TARGET = 0.95


def recall(count: int, seed: int) -> Mapping[str, float]:
    """The share of `count` values that the gate holds, by form."""
    page = "---\nname: x\ndescription: y\n---\n# T\n\n{}\n"
    return {
        name: sum(bool(scan(page.format(form()))) for _ in range(count)) / count
        for name, form in forms(seed).items()
    }


def main() -> int:
    """Prints the shares."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    shares = recall(count, seed)
    held = sum(shares.values()) / len(shares)
    print(f"{len(shares)} forms with {count} random values each; seed {seed}")
    whole = sum(share == 1 for share in shares.values())
    print(f"held: {held:.1%} (target: at least {_TARGET:.0%} in each form); forms held whole: {whole}")
    print("the ten worst:")
    for name, share in sorted(shares.items(), key=lambda item: item[1])[:10]:
        print(f"  {share:6.1%}  {name}")
    low = [name for name, share in shares.items() if share < _TARGET]
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
