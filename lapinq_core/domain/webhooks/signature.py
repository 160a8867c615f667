"""Signs webhooks. Headers and signature follow the Standard Webhooks specification, version 1.0.0. Pure.

A shared secret (`whsec_…`) signs for every receiver, so each of them could forge what another one gets. A root secret
(`whroot_…`) stays with lapinq: each receiver gets a secret of its own, derived from it and the receiver's origin.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

import msgspec

from lapinq_core.domain.errors import InvalidValue

SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix of every secret
ROOT_PREFIX = "whroot_"
MIN_SECRET = 24
MAX_SECRET = 64
_PURPOSE = b"lapinq webhook receiver\n"


class SigningKeys(msgspec.Struct, frozen=True):
    """The keys of the settings, in their order: `roots` to derive a receiver's, and `shared` ones."""

    roots: tuple[bytes, ...] = ()
    shared: tuple[bytes, ...] = ()

    def own(self, origin: str) -> list[bytes]:
        """The keys that only the receiver at `origin`, such as `https://shop.example`, knows; one for each root."""
        return [hmac.digest(root, _PURPOSE + origin.encode(), hashlib.sha256) for root in self.roots]

    def all_for(self, origin: str) -> list[bytes]:
        """The keys that sign what is sent to `origin`; shared ones first, for receivers that only check the first."""
        return [*self.shared, *self.own(origin)]


def read_keys(secrets: Iterable[str]) -> SigningKeys:
    """The keys in `secrets`. Raises `InvalidValue`, which does not repeat a secret."""
    texts = list(secrets)
    return SigningKeys(
        roots=tuple(read_secret(text) for text in texts if text.startswith(ROOT_PREFIX)),
        shared=tuple(read_secret(text) for text in texts if not text.startswith(ROOT_PREFIX)),
    )


def read_secret(text: str) -> bytes:
    """The key in `whsec_…` or `whroot_…`. Raises `InvalidValue`, which does not repeat the secret."""
    prefix = ROOT_PREFIX if text.startswith(ROOT_PREFIX) else SECRET_PREFIX
    try:
        key = b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(prefix) or not MIN_SECRET <= len(key) <= MAX_SECRET:
        raise InvalidValue(
            "",
            f"must be {SECRET_PREFIX} or {ROOT_PREFIX} and the base64 of {MIN_SECRET} to {MAX_SECRET} bytes",
        ) from None
    return key


def secret_of(key: bytes) -> str:
    """A receiver's key as text."""
    return SECRET_PREFIX + b64encode(key).decode()


def signed_headers(event_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one delivery at `timestamp`, in seconds since 1970; one signature per key."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if keys:
        signed = f"{event_id}.{timestamp}.".encode() + body
        headers["webhook-signature"] = " ".join(_signature(key, signed) for key in keys)
    return headers


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
