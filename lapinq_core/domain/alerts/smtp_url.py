"""The address of a mail server: `smtp://user:password@host:587`, or `smtps://` for TLS from the start. Pure."""

from urllib.parse import unquote, urlsplit

import msgspec

from lapinq_core.domain.errors import InvalidValue

_PORTS = {"smtp": 587, "smtps": 465}
_UNVERIFIED = "verify=no"
_PLAIN = "tls=no"


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server. `is_tls`: the connection begins with TLS; else it changes to TLS, which the server must offer.

    `is_plain`: without TLS, which takes no `user`: a password never goes over the network in plain text. `is_verified`:
    the certificate must be trusted.
    """

    host: str
    port: int
    is_tls: bool
    user: str | None = None
    password: str = ""
    is_verified: bool = True
    is_plain: bool = False


def read_smtp_url(url: str) -> SmtpServer:
    """The server at `url`. Raises `InvalidValue`, which does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidValue("", "cannot be read as a URL") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or port == 0:
        raise InvalidValue("", "must be smtp://host or smtps://host, with user, password and port if needed")
    if parts.query not in {"", _UNVERIFIED, _PLAIN}:
        raise InvalidValue("", f"may have only {_UNVERIFIED} or {_PLAIN} after the question mark")
    if parts.query == _PLAIN and parts.scheme == "smtps":
        raise InvalidValue("", f"must not have {_PLAIN} with smtps://")
    if parts.query and parts.username is not None:
        raise InvalidValue("", f"must not have {parts.query} with a password, which anybody could read then")
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        is_verified=parts.query != _UNVERIFIED,
        is_plain=parts.query == _PLAIN,
    )
