"""What the environment says of proxies and certificates: followed, refused by name, or of no concern."""

from __future__ import annotations

import ast
import asyncio
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from benchmarks.certificate import write_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_install.common.errors import InstallError
from openclaw_install.common.http_client import (
    NetworkSettingError,
    certificate_stamps,
    http_client,
    proxy_for,
)
from openclaw_install.host.locate import locate
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.messaging.profile_settings import ProfileSettings, save_settings
from openclaw_install.messaging.relay.client import RelayUnreachable
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import ensure_identity
from openclaw_install.runtime import message_bridge
from openclaw_install.runtime.component import Component, Context
from openclaw_install.runtime.supervisor import Seams, Supervisor
from tests.support.waiting import until
from tests.sync_desk import desk_in
from tests.test_pingagent_cli import Terminal, terminal

__all__ = ["terminal"]
PACKAGE = Path(__file__).parent.parent / "installer" / "openclaw_install"
FAR = "https://relay.example:8443"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
VARIABLES = (
    *_PROXIES,
    *(name.lower() for name in _PROXIES),
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "REQUEST_METHOD",
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """For tests that hypothesis runs many times."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def refused(url: str = FAR) -> NetworkSettingError:
    with pytest.raises(NetworkSettingError) as told:
        http_client(httpx.AsyncClient, url)
    return told.value


@pytest.mark.parametrize("kind", ["socks", "socks5", "socks5h", "socks4", "ftp", "quic"])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"])
def test_case_all_proxy_socks_is_refused_by_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, kind: str, variable: str
) -> None:
    monkeypatch.setenv(variable, f"{kind}://agent:hunter2secret@127.0.0.1:7891")
    error = refused()
    assert error.message == f"{variable} names a proxy of the kind {kind}://, which is not supported"
    assert f"unset {variable}" in error.next_step
    assert "add relay.example to NO_PROXY" in error.next_step
    assert "hunter2" not in error.message + error.next_step


def test_case_all_proxy_socks_is_of_no_concern_where_the_host_is_exempt_or_another_variable_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:7891")
    for url in ("http://127.0.0.1:8787", "https://localhost:9443", "https://[::1]:9443"):
        assert proxy_for(url) is None
    monkeypatch.setenv("NO_PROXY", "localhost,.example")
    assert proxy_for(FAR) is None
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:7890")
    found = proxy_for(FAR)
    assert found is not None
    assert (found.variable, found.url) == ("HTTPS_PROXY", "http://127.0.0.1:7890")


def test_case_all_proxy_socks_blocks_the_bridge_once_and_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"HOME": str(tmp_path / "home")}
    paths = profile_paths(env, tmp_path / "home")
    paths.folder.mkdir(parents=True, mode=0o700)
    ensure_identity(paths.identity, 1_800_000_000.0)
    save_settings(paths, ProfileSettings(FAR, "2026-01-01T00:00:00Z"))
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:7891")
    context = Context(locate(env), lambda: env)
    begun = looks = 0

    async def counted(context: Context, reporter: Any) -> None:
        nonlocal begun
        begun += 1
        await message_bridge.run(context, reporter)

    def looked(context: Context) -> object:
        nonlocal looks
        looks += 1
        return message_bridge.inputs(context)

    component = Component("bridge", "", message_bridge.is_configured, counted, looked)

    async def live() -> None:
        news = asyncio.Event()
        seams = Seams(lambda *_args, **_facts: None, news.set, look_seconds=0.01)
        supervisor = Supervisor([component], context, seams)
        supervisor.start()
        async with asyncio.timeout(60):
            while (report := supervisor.reports()[0]).phase != "blocked":
                news.clear()
                await news.wait()
        assert report.problem is not None
        assert report.problem.code == "network.proxy"
        assert "ALL_PROXY" in report.problem.message
        # It is looked at again and again, and begun again only when something is another: once its own store.
        seen = looks
        await asyncio.to_thread(until, lambda: looks > seen + 20)
        assert begun <= 2
        await supervisor.stop(5)

    asyncio.run(live())


def test_case_all_proxy_socks_is_told_by_doctor_and_sync(
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:7891")
    monkeypatch.setenv("PINGAGENT_SERVER_URL", FAR)
    found = terminal.document("doctor")
    assert found["exit_code"] == 1
    assert "network.proxy" in [one["code"] for one in found["result"]["findings"]]
    with desk_in(tmp_path / "desk", monkeypatch, capsys) as desk:
        monkeypatch.setenv("MYSTA_MCP_URL", "https://skills.example/mcp")
        said = desk.document("--all", "--agent", "all", "--yes")
    assert said["exit_code"] == 1
    assert [one["code"] for one in said["errors"]] == ["network.proxy"]


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "://x",
        "http://[::1",
        "http://agent:hunter2@[zz]:1",
        "http://host:99999",
        "http://host:port",
        "http://host:0",
        "http://h\x01ost:1",
        "http://hünter2:1",
        "a b",
        "http://agent:hunter2@",
        "http://agent:hunter2@999.1.1.1:3128",
        "http://agent:hunter2@[v1.x]:3128",
        "/etc/passwd",
    ],
)
def test_a_proxy_that_is_no_address_is_refused_without_its_value(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    error = refused()
    assert error.error_code == "network.proxy"
    assert error.message.startswith("HTTPS_PROXY ")
    assert "nter2" not in error.message + error.next_step


@pytest.mark.parametrize(
    ("no_proxy", "exempt"),
    [
        ("relay.example", True),
        ("RELAY.EXAMPLE.", True),
        ("example", True),
        (".example", True),
        ("*.example", True),
        ("other, relay.example:8443", True),
        ("other relay.example", True),
        ("https://relay.example:8443", True),
        ("*", True),
        ("relay.example:443", False),
        ("lay.example", False),
        ("*relay", False),
        ("10.0.0.0/8", False),
        ("[::1", False),
        (",;:,//,[]", False),
        ("", False),
    ],
)
def test_no_proxy_is_read_as_other_programs_read_it(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, exempt: bool
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert (proxy_for(FAR) is None) is exempt


@pytest.mark.parametrize(
    ("no_proxy", "exempt"),
    [("10.0.0.0/8", True), ("10.1.2.3", True), ("10.1.2.3:443", True), ("10.1.2.4", False), ("2.3", False)],
)
def test_an_address_is_exempt_by_itself_or_its_network(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, exempt: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for("https://10.1.2.3") is None) is exempt
    monkeypatch.setenv("NO_PROXY", "fd00::/8,[fe80::1]:443")
    assert proxy_for("https://[fd00::7]") is None
    assert proxy_for("https://[fe80::1]") is None


def test_an_empty_variable_in_lower_case_switches_the_other_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks://127.0.0.1:7891")
    monkeypatch.setenv("https_proxy", "")
    assert proxy_for(FAR) is None


_LINES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_PLACES = st.sampled_from(
    ["/", "/nonexistent", "/dev/null", "/dev/full", "/etc/passwd", "*", "::1", "http://h:1", "999.1.1.1"]
)
_ADDRESSES = st.builds("{}://{}:{}".format, st.sampled_from(["http", "https", "socks"]), _LINES, _LINES)


@settings(max_examples=200, deadline=None)
@given(
    make=st.sampled_from([httpx.AsyncClient, httpx.Client, httpx2.AsyncClient]),
    url=st.sampled_from([FAR, "https://127.0.0.1:1", "http://localhost:1"]),
    variables=st.dictionaries(st.sampled_from(VARIABLES), _LINES | _PLACES | _ADDRESSES),
)
def test_a_client_is_built_or_a_variable_is_named_whatever_the_environment_holds(
    make: Any, url: str, variables: dict[str, str]
) -> None:
    with environment(**variables):
        trouble = None
        try:
            http_client(make, url)
        except NetworkSettingError as error:
            trouble = error
    if trouble is not None:
        assert trouble.message.split(" ")[0] in variables
        assert url != "http://localhost:1"


def test_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub() as (served, requests), stub() as (proxy, asked):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        with http_client(httpx.Client, served) as client:
            assert client.get(served).status_code == 407
        with http_client(httpx2.Client, served) as other:
            assert other.get(served).status_code == 407
    assert (len(requests), asked) == (2, [])


def test_a_proxy_that_is_named_is_used_and_its_refusal_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub() as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        error = relay_error(FAR, tmp_path)
    assert asked == ["CONNECT relay.example:8443"]
    assert isinstance(error, RelayUnreachable)
    assert "through the proxy that HTTPS_PROXY names" in error.message


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "cannot be read (no such file or directory)"),
        ("SSL_CERT_FILE", "{tmp}", "cannot be read"),
        ("SSL_CERT_FILE", "{tmp}/empty", "holds no certificate"),
        ("SSL_CERT_FILE", "{tmp}/text", "holds no certificate"),
        ("SSL_CERT_FILE", "{tmp}/pipe", "names a pipe"),
        ("SSL_CERT_DIR", "/nonexistent:/neither", "names no folder that is there"),
        ("SSL_CERT_DIR", "{tmp}/text", "names no folder that is there"),
    ],
)
def test_certificates_that_cannot_be_had_are_refused_by_the_variables_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no certificate\n")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv(variable, value.format(tmp=tmp_path))
    error = refused("https://127.0.0.1:8443")
    assert error.error_code == "network.certificates"
    assert error.message.startswith(variable)
    assert reason in error.message.lower()
    http_client(httpx.AsyncClient, "http://127.0.0.1:8787")


def test_a_component_that_lacked_certificates_sees_them_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    before = certificate_stamps()
    assert certificate_stamps() == before
    (tmp_path / "ca.pem").write_text("x")
    assert certificate_stamps() != before


def test_empty_variables_are_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert proxy_for(FAR) is None
    assert isinstance(relay_error("https://127.0.0.1:1", tmp_path), RelayUnreachable)


def test_own_authorities_are_trusted_others_are_named_and_no_keys_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path)
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    shown = HubSettings(tls_cert=certificate, tls_key=key)
    with running_hub(tmp_path / "hub", settings=shown) as hub:
        url = hub.url.removesuffix("/api/v2/mcp")
        told = relay_error(url, tmp_path)
        assert told is not None
        assert told.error_code == "relay.tls"
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        told = relay_error(url, tmp_path)
        assert told is not None
        assert "judged by what SSL_CERT_DIR names" in told.message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert relay_error(url, tmp_path) is None
    assert not log.exists()


def test_clients_are_built_in_one_place_only() -> None:
    builders = {
        "Client",
        "AsyncClient",
        "get",
        "post",
        "put",
        "request",
        "stream",
        "head",
        "delete",
        "urlopen",
    }
    modules = {"httpx", "httpx2", "urllib.request", "http.client", "requests", "websockets", "aiohttp"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            module, _, called = name.rpartition(".")
            if module in modules and called in builders | {"connect", "HTTPConnection", "HTTPSConnection"}:
                found.append(f"{path.relative_to(PACKAGE)}: {name}")
            if name in ("GuardedClient", "urlopen", "AsyncClient", "create_default_context"):
                found.append(f"{path.relative_to(PACKAGE)}: {name}")
    assert found == []


def relay_error(url: str, folder: Path) -> InstallError | None:
    """What a relay's client says after one question; None where it was answered."""
    identity, _ = ensure_identity(folder / "identity.json", 1_800_000_000.0)

    async def ask() -> None:
        relay = HttpRelay(url, lambda: identity)
        try:
            await relay.about()
        finally:
            await relay.aclose()

    try:
        asyncio.run(ask())
    except InstallError as error:
        return error
    return None


@contextmanager
def stub() -> Iterator[tuple[str, list[str]]]:
    """A server that answers 407 to everything, and the requests that it saw."""
    seen: list[str] = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_CONNECT(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_variable_of_the_hubs_server_cannot_stop_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with running_hub(tmp_path / "hub") as hub, http_client(httpx.Client, hub.base_url) as client:
        assert client.get(f"{hub.base_url}/healthz").status_code == 200
