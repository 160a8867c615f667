"""Mail over TLS, after STARTTLS and from the start: to a server whose certificate is trusted, and to others."""

from pathlib import Path

import pytest

from lapinq_core.domain.alerts.smtp_url import read_smtp_url
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered
from lapinq_scheduler.alerts.mailer import Mailer
from tests.support.http.certificate import self_signed
from tests.support.http.mail_server import MailServer, mail_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_gets_password_and_mail_if_its_certificate_is_trusted_for_its_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    async def send(rest: str) -> tuple[Delivered | Undelivered, MailServer]:
        """A mail to a server with that certificate, at a URL in which `{port}` is its port."""
        async with mail_server(certificate, begins_with_tls=scheme == "smtps") as server:
            url = read_smtp_url(f"{scheme}://{rest.format(port=server.port)}")
            return await Mailer(url, "lapinq@example.org").send(["lisa@example.org"], "s", "t"), server

    for user in ("", "lisa:secret@"):
        outcome, server = await send(user + "localhost:{port}")
        untrusted = "the certificate of localhost is not trusted: self-signed certificate"
        assert outcome == Undelivered(untrusted)
        assert (server.logins, server.mails) == ([], [])
    outcome, server = await send("127.0.0.1:{port}?verify=no")
    assert (outcome, server.encrypted) == (Delivered(250), [True])

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outcome, server = await send("lisa:s%3Ac@localhost:{port}")
    assert outcome == Delivered(250)
    assert (server.logins, server.encrypted) == ([("lisa", "s:c")], [True])
    outcome, server = await send("127.0.0.1:{port}")  # the certificate is for another name
    assert isinstance(outcome, Undelivered)
    assert outcome.failure.startswith("the certificate of 127.0.0.1 is not trusted: ")
    assert server.mails == []
