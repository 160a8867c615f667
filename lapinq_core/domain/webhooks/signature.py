"""Signs webhooks. Headers and signature follow the Standard Webhooks specification, version 1.0.0. Pure."""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence

from lapinq_core.domain.errors import InvalidValue

SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix of every secret
MIN_SECRET = 24
MAX_SECRET = 64


def read_secret(text: str) -> bytes:
    """The key in `whsec_…`. Raises `InvalidValue`, which does not repeat the secret."""
    try:
        key = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not MIN_SECRET <= len(key) <= MAX_SECRET:
        raise InvalidValue(
            "", f"must be {SECRET_PREFIX} and the base64 of {MIN_SECRET} to {MAX_SECRET} bytes"
        ) from None
    return key


def signed_headers(event_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one delivery at `timestamp`, in seconds since 1970; one signature per key."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if keys:
        signed = f"{event_id}.{timestamp}.".encode() + body
        headers["webhook-signature"] = " ".join(_signature(key, signed) for key in keys)
    return headers


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
