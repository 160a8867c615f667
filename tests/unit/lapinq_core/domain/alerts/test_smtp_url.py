"""The address of a mail server."""

import pytest

from lapinq_core.domain.alerts.smtp_url import SmtpServer, read_smtp_url
from lapinq_core.domain.errors import InvalidValue


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail", SmtpServer(host="mail", port=587, is_tls=False)),
        ("smtps://mail:4650/", SmtpServer(host="mail", port=4650, is_tls=True)),
        ("smtp://mail:25?verify=no", SmtpServer(host="mail", port=25, is_tls=False, is_verified=False)),
        ("smtp://mail:25?tls=no", SmtpServer(host="mail", port=25, is_tls=False, is_plain=True)),
        (
            "smtp://lisa%40example.org:p%3Aw@mail:25",
            SmtpServer(host="mail", port=25, is_tls=False, user="lisa@example.org", password="p:w"),
        ),
    ],
)
def test_its_parts_are_read(url: str, server: SmtpServer) -> None:
    assert read_smtp_url(url) == server


NO_SERVERS = [
    "", "mail", "http://mail", "smtp://", "smtp://mail:x", "smtp://mail/x", "smtp://[::1", "smtp://mail?verify=yes",
    "smtps://lisa:secret@mail?verify=no", "smtp://lisa:secret@mail?tls=no", "smtps://mail?tls=no",
    "smtp://mail?tls=no&verify=no",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_SERVERS)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue):
        read_smtp_url(url)
