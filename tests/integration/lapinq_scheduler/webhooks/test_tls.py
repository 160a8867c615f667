"""Webhooks to servers with a certificate, which is checked."""

import ssl
from pathlib import Path

import pytest

from tests.integration.lapinq_scheduler.webhooks.conftest import arrived, failed_try
from tests.support.http.certificate import self_signed
from tests.support.http.delivering import completed, delivering
from tests.support.http.receiver import receiving


def test_a_certificate_is_trusted_if_the_system_knows_it_and_for_its_name_alone(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiving(context) as receiver:
        with delivering(database):
            (task,) = completed(database, f"https://localhost:{receiver.port}/")
            said = failed_try(database, task)["failure"]
            assert said == "the certificate of localhost is not trusted: self-signed certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with delivering(database):
            (task,) = completed(database, f"https://127.0.0.1:{receiver.port}/")
            said = failed_try(database, task)["failure"]
            assert said.startswith("the certificate of 127.0.0.1 is not trusted: ")
            assert receiver.received == []
            (task,) = completed(database, f"https://localhost.:{receiver.port}/")
            arrived(database, task)
