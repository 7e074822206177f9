"""The boot verdict against the real start, over a folder of configs.

Usage: python -m benchmarks.published_configs DIR

Each `*.json` and `*.json5` of the folder is copied into a scratch host of its own, judged as `verify-runtime`
judges it, and started by `openclaw gateway run`, two at a time. The port is the scratch host's own
(`OPENCLAW_GATEWAY_PORT`), and no channel is connected (`OPENCLAW_SKIP_CHANNELS`), so nobody is written to.
Exit code 1 where a verdict and its start differ, or a verdict is `not_judged`.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openclaw_install.common.errors import ConfigError
from openclaw_install.demo.gateway_process import GatewayStartError
from openclaw_install.demo.provision import OpenClaw, cache_folder, provision
from openclaw_install.demo.scratch_host import ScratchHost, forget_locks
from openclaw_install.host.boot.memory import begin_to_ask
from openclaw_install.host.locate import locate
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.survey import look_at_host

_AT_ONCE = 2
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Trial:
    """What was said of one config, and what became of it.

    Attributes:
        name: the file's name.
        said: the verdict's state.
        why: the rule and message behind it.
        refusal: the start's own words for its refusal; None where it served.
        settled: whether it served or refused in time.
    """

    name: str
    said: str
    why: str
    refusal: str | None
    settled: bool = True

    @property
    def agrees(self) -> bool:
        """Whether the start did what the verdict says."""
        return self.settled and self.said == ("would_start" if self.refusal is None else "would_stop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries every config of the folder and prints a line for each."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    folder = Path(given[0]) if len(given) == 1 else None
    if folder is None or not folder.is_dir():
        print("usage: python -m benchmarks.published_configs DIR", file=sys.stderr)
        return 2
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".json5"))
    openclaw = provision(lambda line: print(line, file=sys.stderr), cache=cache_folder())
    sysconfig.get_config_vars()  # Python fills them in at the first use, and not for two threads at once
    trials = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for trial in pool.map(partial(try_config, openclaw), files):
            trials.append(trial)
            print(_line(trial), flush=True)
    agreed = sum(trial.agrees for trial in trials)
    print(f"{agreed} of {len(trials)} verdicts agree with the real start")
    return 0 if agreed == len(trials) else 1


def _line(trial: Trial) -> str:
    real = "started" if trial.refusal is None else f"refused: {trial.refusal}"
    mark = "agrees" if trial.agrees else "DIFFERS"
    why = f" ({trial.why})" if trial.why else ""
    return f"{mark:<8} {trial.name:<32} {trial.said}{why} | {real[:160]}"


def try_config(openclaw: OpenClaw, path: Path) -> Trial:
    """The verdict on a copy of one config in a scratch host, and the real start of it.

    Args:
        openclaw: the program.
        path: the config.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        host = _host(openclaw, root)
        host.write_config(path.read_text(encoding="utf-8", errors="replace"))
        said, why = _verdict(host)
        process = host.start_gateway()
        try:
            refusal, settled = process.outcome(_START_SECONDS), True
        except GatewayStartError as error:
            refusal, settled = error.message, False
        finally:
            process.stop()
            forget_locks(root)
    return Trial(path.name, said, why, refusal, settled)


def _host(openclaw: OpenClaw, root: Path) -> ScratchHost:
    """A host on whose PATH the `openclaw` of the trial lies."""
    programs = root / "bin"
    programs.mkdir()
    (programs / "openclaw").symlink_to(openclaw.package / "openclaw.mjs")
    host = ScratchHost(openclaw, root)
    env = {
        "PATH": f"{programs}:{host.env['PATH']}",
        "OPENCLAW_GATEWAY_PORT": str(host.port),
        "OPENCLAW_SKIP_CHANNELS": "1",
    }
    return ScratchHost(openclaw, root, port=host.port, extra_env=env)


def _verdict(host: ScratchHost) -> tuple[str, str]:
    location = locate(host.env)
    try:
        survey = look_at_host(location, "stable-hook-session")
    except ConfigError as error:
        return "would_stop", error.error_code
    hear = begin_to_ask(location, survey.document, host.root / "boot.json", offline=False)
    verdict = Facts(location, survey=survey, hear=hear).next_boot
    if verdict is None:
        return "not_judged", ""
    return verdict.state, f"{verdict.rule}: {verdict.message}"[
        :140
    ] if verdict.rule else verdict.message or ""


if __name__ == "__main__":
    sys.exit(main())
