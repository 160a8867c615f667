"""Webhooks to servers with a certificate, which is checked."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.support.delivering import completed, delivering, outbox
from tests.support.eventually import eventually
from tests.support.receiver import receiving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for `localhost` that signs itself."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("makes its certificate with openssl")
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    subprocess.run(
        [program, *asked.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", file],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + key.read_text())
    return file


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def test_a_certificate_that_nobody_vouches_for_is_refused(database: str, certificate: Path) -> None:
    with receiving(context(certificate)) as receiver, delivering(database):
        (task,) = completed(database, f"https://localhost:{receiver.port}/")
        failure = eventually(lambda: outbox(database, task)[0]["failure"])
        assert failure == "the certificate of localhost is not trusted: self-signed certificate"
        assert receiver.received == []


def test_a_certificate_of_the_system_is_trusted_for_its_name_alone(
    database: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(context(certificate)) as receiver, delivering(database):
        (task,) = completed(database, f"https://localhost.:{receiver.port}/")
        eventually(lambda: outbox(database, task)[0]["state"] == "delivered")
        (task,) = completed(database, f"https://127.0.0.1:{receiver.port}/")
        failure = eventually(lambda: outbox(database, task)[0]["failure"])
        assert failure.startswith("the certificate of 127.0.0.1 is not trusted: ")
        assert len(receiver.received) == 1
