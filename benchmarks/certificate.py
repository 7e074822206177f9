"""A certificate for 127.0.0.1 that nobody but this benchmark trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Makes a self-signed certificate and its key with the `openssl` program; returns both PEM files."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-keyout", str(key), "-out", str(certificate), "-days", "2", *subject],
            check=True,
            capture_output=True,
        )
    return certificate, key
