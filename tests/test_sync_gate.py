"""The upload gate: real-looking keys of the common providers stop a skill, prose and placeholders do not."""

# Chinese pages have Chinese punctuation.
# ruff: noqa: RUF001

from __future__ import annotations

import base64
import hashlib
import random
import string
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from openclaw_install.common.data_files import data_folder
from openclaw_install.common.jsonable import jsonable
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.sync.gate import SecretFinding, scan
from openclaw_install.sync.gate_detectors import find
from tests.work import calls_of

_DICE = random.Random(20260901)  # noqa: S311 - nothing secret is made with it
_ALNUM = string.ascii_letters + string.digits


def made(length: int, alphabet: str = _ALNUM) -> str:
    """Random characters with a fixed seed, so that no real-looking key stands in this file."""
    return "".join(_DICE.choice(alphabet) for _ in range(length))


_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
SECRETS = {
    "AWS access key": "AKIA" + made(16, _UPPER),
    "AWS secret": "aws_secret_access_key = " + made(40),
    "GitHub classic": "ghp" + "_" + made(36),
    "GitHub server": "ghs" + "_" + made(36),
    "GitHub fine-grained": "github" + "_pat_" + made(22) + "_" + made(59),
    "GitLab": "glpat" + "-" + made(20),
    "OpenAI project": "sk-" + "proj-" + made(74) + "T3Blbk" + "FJ" + made(74),
    "OpenAI project without its mark": "sk-" + "proj-" + made(48),
    "OpenAI legacy": "sk-" + made(48),
    "OpenRouter": "sk-" + "or-v1-" + made(64, _HEX),
    "Anthropic": "sk-" + "ant-api03-" + made(93) + "AA",
    "Google": "AI" + "za" + made(35),
    "Google OAuth": "GOC" + "SPX-" + made(28),
    "Slack bot": "xox" + "b-" + made(12, string.digits) + "-" + made(13, string.digits) + "-" + made(24),
    "Slack app": "xap" + "p-1-A" + made(10, _UPPER) + "-" + made(13, string.digits) + "-" + made(64, _HEX),
    "Slack webhook": f"https://hooks.slack.com/services/T{made(8, _UPPER)}/B{made(8)}/{made(24)}",
    "Stripe": "sk_" + "live_" + made(24),
    "Stripe webhook": "whs" + "ec_" + made(32),
    "Twilio": "SK" + made(32, _HEX),
    "SendGrid": "SG." + made(22) + "." + made(43),
    "npm": "npm" + "_" + made(36),
    "npmrc": "//registry.example.com/:_authToken=npm" + "_" + made(36),
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmc" + made(80),
    "Telegram": made(9, "123456789") + ":AA" + made(33),
    "Discord bot": "M" + made(23) + "." + made(6) + "." + made(27),
    "Discord webhook": "https://discord.com/api/web" + "hooks/" + made(18, "123456789") + "/" + made(68),
    "Hugging Face": "hf" + "_" + made(34, string.ascii_letters),
    "Groq": "gsk" + "_" + made(52),
    "Linear": "lin_" + "api_" + made(40),
    "Notion": "ntn" + "_" + made(46),
    "DigitalOcean": "dop" + "_v1_" + made(64, _HEX),
    "Shopify": "shp" + "at_" + made(32, _HEX),
    "Supabase": "sbp" + "_" + made(40, _HEX),
    "Databricks": "da" + "pi" + made(32, _HEX),
    "Vault": "hv" + "s." + made(90),
    "Mysta": "mysta" + "_" + made(40),
    "Mysta in hex": "mysta" + "_" + made(48, _HEX),
    "JSON Web Token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI4NDciLCJyb2xlIjoiYWRtaW4ifQ."
    + made(43),
    "bearer": "Authorization: Bearer " + made(40),
    "password": f'password = "{made(6)}!{made(8)}4b7"',
    "password in single quotes": f"db_password: '{made(9)}#9{made(6)}1'",
    "unquoted variable": "export SERVICE_API_KEY=" + made(24, _HEX) + "7a9",
    "JSON": '{"apiKey": "' + made(32) + '"}',
    "YAML": "  client_secret: " + made(30) + "42",
    "basic auth": f"postgres://admin:{made(14)}7@db.internal:5432/app",
    "private key": "-----BEGIN " + "PRIVATE KEY-----\n" + made(64) + "\n" + made(64) + "\n-----END",
    "OpenSSH key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + made(70) + "\n",
}
_B32 = string.ascii_uppercase + "234567"
_URL = _ALNUM + "-_"
SECRETS |= {
    "AWS temporary": "ASIA" + made(16, _B32),
    "ElevenLabs": "sk" + "_" + made(48, _HEX),
    "Pinecone": "pc" + "sk_" + made(6) + "_" + made(63),
    "LangSmith": "lsv2" + "_pt_" + made(32, _HEX) + "_" + made(10, _HEX),
    "Grafana": "gl" + "sa_" + made(32) + "_" + made(8, _HEX),
    "Grafana Cloud": "gl" + "c_" + made(80),
    "Docker": "dckr" + "_pat_" + made(27, _URL),
    "Atlassian": "ATA" + "TT3xFfGF0" + made(170, _URL) + "=" + made(8, _HEX),
    "Airtable": "pat" + made(14) + "." + made(64, _HEX),
    "Doppler": "dp" + ".pt." + made(43),
    "Google OAuth access": "ya29" + ".a0" + made(160, _URL),
    "Square": "EA" + "AAl" + made(59, _URL),
    "Square secret": "sq0" + "csp-" + made(43, _URL),
    "Brave": "BS" + "A" + made(27, _URL),
    "password with signs": f'DB_PASSWORD="{made(8)}${made(4)}!{{{made(3)}"',
    "password with brackets": f"DB_PASSWORD='{made(7)}[4]{made(4)}(7){made(3)}'",
    "password with a backslash": f'password: "{made(8)}\\{made(6)}42"',
    "signs in an address": f"postgres://user:{made(6)}${made(5)}%21{made(3)}4@db.internal/app",
    "UUID as key": f"HEROKU_API_KEY={'-'.join(made(n, _HEX) for n in (8, 4, 4, 4, 12))}",
    "UUID as token": f"SERVICE_TOKEN: {'-'.join(made(n, _HEX) for n in (8, 4, 4, 4, 12))}",
    "table": f"| API key | `{made(40)}` |",
    "prose": f"The API key is {made(32, _HEX)}.",
    "prose password": f"Log in as bob with password {made(12)}4B7.",
    "option": f"tool --api-key {made(40, _HEX)}",
    "curl": f"curl -u admin:{made(16)}4 https://x.internal",
    "quoted curl": f'curl --user "admin:{made(16)}4" https://x.internal',
    "mysql": f"mysql -u root -p{made(16)}4 app",
    "appid": f"https://api.weather.net/v1?appid={made(32, _HEX)}",
    "parameter": f"https://api.weather.net/v1?q=1&api_key={made(32, _HEX)}",
    "token parameter": f"https://api.weather.net/v1?token={made(32, _HEX)}",
    "basic header": "Authorization: Basic " + base64.b64encode(b"admin:" + made(14).encode() + b"7").decode(),
    "late in a long line": "x" * 2_100 + f" api_key={made(32, _HEX)}",
    "option after a name": f"tool --secret --api-key {made(40, _HEX)}",
    "annotated": f'api_key: str = "{made(32, _HEX)}"',
    "call": f'set_password("{made(14)}42")',
    "glued password variable": f"PGPASSWORD={made(16)}42",
}
MAJOR = {
    "AWS id": lambda: "AK" + "IA" + made(16, _B32),
    "AWS secret": lambda: "aws_secret_access_key = " + made(40, _ALNUM + "+/"),
    "GitHub": lambda: "gh" + "p_" + made(36),
    "GitHub fine-grained": lambda: "github" + "_pat_" + made(22) + "_" + made(59),
    "Anthropic": lambda: "sk-" + "ant-api03-" + made(93, _URL) + "AA",
    "OpenAI": lambda: "sk-" + "proj-" + made(74, _URL) + "T3Blbk" + "FJ" + made(74, _URL),
    "Google": lambda: "AI" + "za" + made(35, _URL),
    "Slack": lambda: "xox" + "b-" + made(12, string.digits) + "-" + made(13, string.digits) + "-" + made(24),
    "Stripe": lambda: "sk" + "_live_" + made(24),
    "Mysta": lambda: "mysta" + "_" + made(43, _URL),
}
HARMLESS = [
    "export OPENAI_API_KEY=YOUR_API_KEY",
    'api_key = "YOUR_API_KEY"',
    "OPENAI_API_KEY=sk-xxxx",
    "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "ANTHROPIC_API_KEY=sk-ant-...",
    "ANTHROPIC_API_KEY=sk-ant-api03-your-key-goes-here-1234",
    "token: <token>",
    "token: <your-token-from-the-dashboard-1a2b3c>",
    'curl -H "Authorization: Bearer $TOKEN"',
    'curl -H "Authorization: Bearer ${SERVICE_TOKEN_2_FOR_V1}"',
    'curl -H "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE_1234"',
    "https://user:password@example.com/path",
    "postgres://user:password@localhost:5432/db",
    "redis://:changeme@127.0.0.1:6379",
    "https://${USER}:${PASSWORD}@host.example.com",
    "token = 00000000000000000000000000000000",
    "AKIA0000000000000000",
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "password: changeme",
    'password = "hunter2hunter2"',
    'password = "correct horse battery staple 42"',
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "ghp_1234567890abcdefghijklmnopqrstuvwxyz",
    "ghp_abc123def456ghi789jkl012mno345pqr678",
    "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx",
    "AIzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "The token is read from the environment; the secret stays where it is.",
    "api_key = os.environ['OPENAI_API_KEY']",
    "const apiKey = process.env.OPENAI_API_KEY2;",
    "secret: !reference [vault, path, secret2]",
    "apiKey: config.providers.openai2.apiKey,",
    "key_file = ~/.ssh/id_ed25519_2024",
    "session token: 550e8400-e29b-41d4-a716-446655440000",
    "sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "Call `mysta_list_agents`, then `mysta_sync_all_skills_for_agent_of_owner`.",
    "export MYSTA_API_KEY=mysta_...",
    "Paste the block between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----.",
    "![logo](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0Ijox"
    "NTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "https://github.com/owner/repository/commit/9fceb02d0ae598e95dc970b74767f19372d61af8",
    "task-" + "a" * 40,
    "tokenizer: cl100k_base_v2_2023",
    "primary_key: user_id_2024_v2_final",
    "foreign_key: tbl1_col2_idx3",
    "keyboard: Cmd+Shift+P2D3F4",
    "cache_key: v2-9f86d081884c7d65",
    "CACHE_KEY=9f86d081884c7d659a2feaa0c55ad015",
    "idempotency-key: 7f3e9a12-1a2b-4bbb-8ccc-1a3b5c7d9e0f",
    "doc_token: doccnqvGOZ1A2b3C4d5E6f7G8h9",
    "next_token: 9f86d081884c7d659a2feaa0c55ad015",
    "max_tokens: 128000, keyframe: 00:01:23.456",
    "SHA key: sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+Q==",
    'API_KEY="${SERVICE_KEY_2_V1}"',
    'API_KEY="$(pass show service/key2/v1)"',
    'API_KEY="$(security:find-2-4)"',
    "api_key: '{{ vault.service_2.key_4 }}'",
    'password: "<A1b2C3d4E5f6G7>"',
    "tool --api-key $SERVICE_KEY_2",
    "curl -u user:password https://example.com",
    'curl -u "$USER:$PASSWORD_2_V3" https://example.com',
    "mysql -u root -p app_2024",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "Authorization: Basic authentication2024Is4Used",
    "https://api.weather.net/v1?appid=YOUR_APP_ID_1234",
    "| API key | `SERVICE_API_KEY` | `together/meta-llama/Llama-3.3-70B-Instruct-Turbo` |",
    "AKIAABCDEFGHIJKLMNOP",
    "token=",
]
# What the gate once took for a secret in a hundred thousand published skills.
HARMLESS += [
    'const token = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"; // USDC',
    "| FlowToken | `0x1654653399040a61` |",
    '"buyToken": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",',
    "https://ton.fun/launch?token=EQAw-RI_4boPd6HwcKTY4nYJ1zj_b__hS0t56eM2HPIlyHid",
    '"PRIVATE_KEY": "0xYourFundedPrivateKey"',
    "SPL_TOKEN=EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    '"password": "SecurePass123!"',
    "password: 'Str0ngP@ssw0rd2025'",
    'the handshake was cracked (password "Welcome2024!")',
    "node backup.js --password MySecure123Pass",
    "X-API-Key: ak_a1b2c3d4e5f6",
    "DB_PASSWORD=x9y8z7w6v5u4...",
    "SUPABASE_KEY=eyJhbGciOiJIUzI1NiIs...  # anon",
    '--token "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"',
    "Authorization: Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VyIjoiYWRtaW4ifQ.",
    'expired = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE2MDAwMDAwMDB9.expired"',
    "'OPENAI_API_KEY': r'sk-proj-[A-Za-z0-9_-]+',",
    '"jwt_token": r"eyJ[A-Za-z0-9_-]+\\.eyJ[A-Za-z0-9_-]+",',
    'token = f"{header_b64}.{payload_b64}.{sig_b64}"',
    "console.log('Private Key:',pk);console.log('Address:',a.address)",
    'secret: $(cast wallet address --private-key "0x$PRIVATE_KEY")',
    "| `MINIMAX_API_KEY` | `mmax/MiniMax-M2.5` |",
    "getIdentity(token: Auth0IdpConfig.JwtPayload) {",
    "| `BIOS_API_KEY` | 可选（使用x402时不需要） |",
    "| EMAIL_SMTP_PASSWORD | 认证码/应用密码（163/QQ：认证码；Gmail：应用密码） |",
    "- `GITLAB_ENCRYPT_KEY`: 加密密钥（**必须设置**，至少32个字符）",
    "- AWS Secret Key: 40位Base64字符串",
    "API_KEY: YXBpLWtleS1oZXJl  # api-key-here",
    "INTERCOM_ACCESS_TOKEN=dG9rOmFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6",
    '"access_token": "2YotnFZFEjr1zCsicMWpAA", "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA"',
    "Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "1.1.0：✅ 已签名 — 密钥：ed25519:a3f9c2（相同密钥，连续）",
    "TELNYX_API_KEY=" + "\nVOICE_MODEL=Qwen/Qwen3-235B-A22B",
    "func fetchChanges(since token: CKServerChangeToken?) async throws {",
    "fn swap(&self, token: EgldOrEsdtTokenIdentifier, nonce: u64)",
    "### Basic Optimization, then Basic Orchestrator",
    "[Fastapi.Security.Httpbearer Httpsfastapi.Tiangolo.Comreferencesecurityfastapi.Security](x.md)",
    'curl -s "https://api.x.net/events?start=$(date -u +%Y-%m-%dT00:00:00Z)"',
    "POST:/api/v1/posts:1705312200000:550e8400-e29b-41d4-a716-446655440000:",
    "Webhook: https://hooks.slack.com/services/T00/B00/xxx...",
    "apikey: sb_publishable_lUmz_L1hmM31_Kb7lIJWpA__v0nupGy",
    'System.Configuration, Culture=neutral, PublicKeyToken=b03f5f7f11d50a3a"',
    "aws ec2 --access-key-id AKIAEXPOSEDKEY123456",
    "<form data-X-CSRF-Token=\"document.querySelector('meta[name=csrf]').content2\">",
]


@pytest.mark.parametrize("name", list(SECRETS))
def test_a_real_looking_secret_trips_the_gate_on_its_line(name: str) -> None:
    text = f"---\nname: x\n---\n# Use\n\nThen run this:\n{SECRETS[name]}\nand go on.\n"
    findings = scan(text)
    assert [finding.line for finding in findings] == [7], findings


@pytest.mark.parametrize("provider", list(MAJOR))
def test_not_one_in_2000_keys_of_a_major_provider_is_missed(provider: str) -> None:
    missed = sum(not scan(MAJOR[provider]()) for _ in range(2_000))
    assert missed == 0


@pytest.mark.parametrize(
    "text", ["token=\n{}\n", "token = \\\n  {}\n", "api_key: >-\n  {}\n", "secret:\r\n  {}\r\n"]
)
def test_a_value_on_the_line_after_its_name_trips_it(text: str) -> None:
    assert [finding.line for finding in scan(text.format(made(38, _HEX) + "7a"))] == [2]


@pytest.mark.parametrize("line", HARMLESS)
def test_prose_and_placeholders_do_not_trip_it(line: str) -> None:
    assert scan(f"# Use\n\n{line}\n") == ()


@pytest.mark.gateway
def test_none_of_openclaws_skills_nor_of_ours_trips_it(openclaw: OpenClaw) -> None:
    folders = [openclaw.package / "skills", data_folder("skills")]
    files = [file for folder in folders for file in folder.glob("*/SKILL.md")]
    assert len(files) >= 54
    tripped = {file.parent.name: found for file in files if (found := scan(file.read_text("utf-8")))}
    assert tripped == {}


@pytest.mark.gateway
def test_nor_does_any_page_of_openclaws_manual(openclaw: OpenClaw) -> None:
    pages = list((openclaw.package / "docs").rglob("*.md"))
    assert len(pages) > 500
    assert [page.name for page in pages if scan(page.read_text("utf-8"))] == []


def test_a_finding_holds_no_part_of_the_value() -> None:
    value = SECRETS["GitHub classic"]
    findings = scan(f"token: {value}\n")
    assert findings[0].line == 1
    shown = repr(findings) + repr([jsonable(finding) for finding in findings])
    assert not any(value[start : start + 6] in shown for start in range(len(value) - 6))
    assert SecretFinding(**jsonable(findings[0])) == findings[0]


def test_a_comment_in_the_file_does_not_switch_the_gate_off() -> None:
    assert scan(f"{SECRETS['Stripe']}  # pragma: allowlist secret\n")


def test_each_line_is_told_once_with_windows_line_ends_too() -> None:
    text = f"a\r\n{SECRETS['GitHub classic']} {SECRETS['Stripe']}\r\nb\r\n{SECRETS['npm']}\r\n"
    assert [finding.line for finding in scan(text)] == [2, 4]


def test_odd_texts_neither_crash_nor_stall_it() -> None:
    texts = ["", "\0" * 1000, "token" * 50_000, "=" * 200_000, "key=" + "a1B2" * 50_000, "🔑token: " * 10_000]
    texts += [
        piece * 20_000 for piece in ("sk-", "eyJ", "http://", "curl -u ", "mysql ", "token:\n", "basic ")
    ]
    texts += ["token: " + "ab-" * 120 + "!x7", "token: " + "1" * 380 + "!", 'key: "' + "Abc1" * 90 + '!"']
    texts += ["password|" * 50_000 + "\n|--|\n" + "a|" * 250_000]
    texts += ["".join(f"password: {hashlib.sha256(b'%d' % n).hexdigest()[:20]}Q\n" for n in range(20_000))]
    for text in texts:
        # A pattern that backtracks without a bound is one call, and does not come to its end.
        assert calls_of(partial(scan, text)) <= 500 + 10 * len(text)
    assert list(find("no newline at the end")) == []


def test_importing_the_gate_does_not_import_the_detectors() -> None:
    heavy = "[name for name in sys.modules if name.startswith(('detect_secrets', 'mcp'))]"
    code = f"import sys, openclaw_install.sync.run; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_detector_ever_asks_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("the gate opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    for secret in SECRETS.values():
        scan(secret)


def test_the_whole_test_file_itself_would_pass_a_scanner(tmp_path: Path) -> None:
    own = Path(__file__).read_text("utf-8")
    allowed = {
        number for number, line in enumerate(own.split("\n"), 1) if "eyJhbGci" in line or "made(" in line
    }
    assert [finding for finding in scan(own) if finding.line not in allowed] == []
