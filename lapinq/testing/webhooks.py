"""Webhooks for tests of receivers, signed as lapinq signs them."""

import time
import uuid

from lapinq.webhooks import receiver_key
from lapinq_core.domain.webhooks.signature import signed_headers


def sign_webhook(
    body: bytes, secret: str, *, event_id: str | None = None, sent_at: float | None = None
) -> dict[str, str]:
    """The headers with which lapinq sends this body to the receiver with this secret.

    `event_id` becomes the id of the webhook, by default a new one. `sent_at` is in seconds since 1970, by default now.
    Raises TypeError for a body that is no bytes, and `lapinq.errors.InvalidValue` for a secret that is none.
    """
    if not isinstance(body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        raise TypeError(f"body must be the bytes that are sent, not {type(body).__name__}: encode it once")
    at = int(time.time() if sent_at is None else sent_at)
    signed = signed_headers(event_id or str(uuid.uuid4()), at, body, [receiver_key(secret)])
    return {"content-type": "application/json", **signed}
