"""Receiving the webhooks that lapinq sends."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq.errors import WebhookRefused
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.webhooks.signature import ROOT_PREFIX, read_secret, signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

WINDOW_SECONDS = 300.0


class Webhook(msgspec.Struct, frozen=True):
    """A genuine webhook. `payload` is its body.

    `id` is that of the event: a delivery that is repeated has the same. `is_repeat` is what `seen` says of it.
    `sent_at` is in seconds since 1970.
    """

    id: str
    sent_at: int
    payload: dict[str, Any]
    is_repeat: bool = False


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    window: float = WINDOW_SECONDS,
    audience: str | None = None,
    seen: Container[str] | Callable[[str], bool] | None = None,
) -> Webhook:
    """The webhook, if lapinq sent it with this secret less than `window` seconds ago, by this machine's clock.

    `body` is the body as it was received. Names of `headers` are compared without regard to case. While a secret is
    changed, give both. `audience` is the receiver's URL, as it was given to lapinq. `seen` has the ids of events that
    were handled, or is a function that tells whether one was; add an id when you have handled its event.

    Raises `WebhookRefused` for anything else than a genuine webhook, TypeError for a body that is no bytes, and
    `InvalidValue` for a secret that is none.
    """
    if not isinstance(body, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        raise TypeError(
            f"body must be the bytes that were received, before they are decoded, not {type(body).__name__}"
        )
    if not secret:
        raise TypeError("secret is empty: `lapinq webhook secret URL` prints the receiver's")
    keys = [receiver_key(one) for one in ([secret] if isinstance(secret, str) else secret)]
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _HEADERS if not given.get(name)]
    if missing:
        raise WebhookRefused(f"the header {missing[0]} is missing")
    event_id, sent_at, signatures = (given[name] for name in _HEADERS)
    if not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= _MAX_DIGITS):
        raise WebhookRefused("the header webhook-timestamp is no number of seconds")
    received = bytes(body)
    expected = signed_headers(event_id, int(sent_at), received, keys)["webhook-signature"].split()
    if not _has_common(expected, signatures.split()):
        raise WebhookRefused("the signature is not that of this secret and body")
    if abs(time.time() - int(sent_at)) > window:
        raise WebhookRefused(f"it was not sent within the last {window:g} s: somebody may have repeated it")
    try:
        payload = msgspec.json.decode(received, type=dict[str, Any])
    except msgspec.DecodeError:
        raise WebhookRefused("the body is no JSON object") from None
    if audience is not None and payload.get("audience") != audience:
        raise WebhookRefused(f"it is for {payload.get('audience')!r}, not for {audience!r}")
    return Webhook(event_id, int(sent_at), payload, _has_seen(seen, event_id))


def receiver_key(secret: str) -> bytes:
    """The key of a receiver's secret. Raises `InvalidValue`."""
    if not isinstance(secret, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        raise TypeError(f"secret must be a str, not {type(secret).__name__}")
    if secret.startswith(ROOT_PREFIX):
        raise InvalidValue(
            "secret",
            "must be this receiver's own, which `lapinq webhook secret URL` prints, not the root secret",
        )
    try:
        return read_secret(secret)
    except InvalidValue as error:
        raise InvalidValue("secret", error.msg) from None


_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MAX_DIGITS = 15


def _has_common(expected: Sequence[str], given: Sequence[str]) -> bool:
    pairs = [(one.encode(), another.encode()) for one in expected for another in given]
    return any([hmac.compare_digest(one, another) for one, another in pairs])  # noqa: C419  # each is compared


def _has_seen(seen: Container[str] | Callable[[str], bool] | None, event_id: str) -> bool:
    if seen is None:
        return False
    return seen(event_id) if callable(seen) else event_id in seen
