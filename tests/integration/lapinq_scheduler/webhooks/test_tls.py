"""Webhooks to servers with a certificate, which is checked."""

import ssl
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.http.certificate import self_signed
from tests.support.http.delivering import completed, delivering, outbox
from tests.support.http.receiver import receiving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


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
