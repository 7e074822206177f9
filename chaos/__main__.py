"""`python -m chaos [--seed N] [--minutes M | --short] [--json] [RUN ...]`: the harness's command.

Exit code 1 where something was lost, doubled, out of order or crashed, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from chaos.harness import RUNS, play
from chaos.result import table
from chaos.size import FULL, FULL_MINUTES, SHORT


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description="The fuzz and fault harness.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"which runs (default all): {', '.join(RUNS)}")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (default 1)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--minutes", type=float, metavar="M", help=f"about how long (full: {FULL_MINUTES:g})")
    size.add_argument("--short", action="store_true", help="the form that the tests run")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    said = parser.parse_args()
    if unknown := [name for name in said.runs if name not in RUNS]:
        parser.error(f"there is no run {unknown[0]}; choose from {', '.join(RUNS)}")
    if said.minutes is not None and not 0 < said.minutes <= 120:
        parser.error("--minutes takes more than 0 and at most 120")
    return said


def main() -> int:
    """Plays the runs, prints the table, returns the exit code."""
    said = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    size = SHORT if said.short else FULL
    if said.minutes is not None:
        size = FULL.scaled(said.minutes / FULL_MINUTES)
    try:
        results = play(said.runs or RUNS, seed=said.seed, size=size, tell=_tell)
    except KeyboardInterrupt:
        print("interrupted; everything that was started has ended", file=sys.stderr)
        return 130
    held = all(result.held for result in results)
    if said.json:
        print(json.dumps({"seed": said.seed, "held": held, "runs": [one.to_json() for one in results]}))
    else:
        print(table(results))
    return 0 if held else 1


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
