"""A self-signed certificate for a test."""

import shutil
import subprocess
from pathlib import Path

import pytest


def self_signed(folder: Path) -> Path:
    """A file in `folder` with a certificate for `localhost` that signs itself, and its key. Skips without `openssl`."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("makes its certificate with openssl")
    key, file = folder / "key.pem", folder / "certificate.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    subprocess.run(
        [program, *asked.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", file],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + key.read_text())
    return file
