"""`python -m benchmarks`: all of them, one after the other."""

from __future__ import annotations

import sys

from benchmarks import host_checks, skills_check

if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    print("== verify-runtime and setup")
    codes = [host_checks.main()]
    print("== skills check")
    codes.append(skills_check.main())
    sys.exit(max(codes))
