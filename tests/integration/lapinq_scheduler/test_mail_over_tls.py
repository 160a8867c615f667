"""Mail over TLS, after STARTTLS and from the start: to a server whose certificate is trusted, and to others."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from lapinq_core.domain.alerts.smtp_url import read_smtp_url
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered
from lapinq_scheduler.alerts.mailer import Mailer
from tests.support.http.certificate import self_signed
from tests.support.http.mail_server import MailServer, mail_server

SCHEMES = pytest.mark.parametrize("scheme", ["smtp", "smtps"])
Send = Callable[[str], tuple[Delivered | Undelivered, MailServer]]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


@pytest.fixture
def send(certificate: Path) -> Send:
    """Sends a mail to a server with that certificate, at a URL in which `{port}` is its port."""

    async def main(url: str) -> tuple[Delivered | Undelivered, MailServer]:
        async with mail_server(certificate, begins_with_tls=url.startswith("smtps:")) as server:
            mailer = Mailer(read_smtp_url(url.format(port=server.port)), "lapinq@example.org")
            return await mailer.send(["lisa@example.org"], "subject", "text"), server

    return lambda url: asyncio.run(main(url))


@SCHEMES
def test_a_trusted_server_gets_the_password_and_the_mail_over_tls(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, send: Send, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outcome, server = send(f"{scheme}://lisa:s%3Ac@localhost:{{port}}")
    assert outcome == Delivered(250)
    assert (server.logins, server.encrypted) == ([("lisa", "s:c")], [True])


@SCHEMES
@pytest.mark.parametrize("user", ["", "lisa:secret@"])
def test_a_certificate_that_nobody_vouches_for_gets_nothing(send: Send, scheme: str, user: str) -> None:
    outcome, server = send(f"{scheme}://{user}localhost:{{port}}")
    assert outcome == Undelivered("the certificate of localhost is not trusted: self-signed certificate")
    assert (server.logins, server.mails) == ([], [])


@SCHEMES
def test_a_certificate_for_another_name_gets_nothing(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, send: Send, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outcome, server = send(f"{scheme}://127.0.0.1:{{port}}")
    assert isinstance(outcome, Undelivered)
    assert outcome.failure.startswith("the certificate of 127.0.0.1 is not trusted: ")
    assert "127.0.0.1" in outcome.failure
    assert server.mails == []


@SCHEMES
def test_without_verification_the_mail_still_goes_over_tls(send: Send, scheme: str) -> None:
    outcome, server = send(f"{scheme}://127.0.0.1:{{port}}?verify=no")
    assert outcome == Delivered(250)
    assert server.encrypted == [True]
