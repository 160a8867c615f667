"""The format of a named API key. The database stores its digest to find it, and its last characters to show it."""

import hashlib
import re
from base64 import urlsafe_b64encode

SECRET_BYTES = 32
_PREFIX = b"lapinq_"
_HINT_CHARACTERS = 4


def key_of(secret: bytes) -> str:
    """The key made of `secret`, 32 random bytes. Its prefix tells people and secret scanners what it is."""
    return (_PREFIX + urlsafe_b64encode(secret).rstrip(b"=")).decode()


def looks_like_key(text: bytes) -> bool:
    """Whether `text` has the format of a key; nothing else is looked up."""
    return _KEY.fullmatch(text) is not None


def digest_of(key: bytes) -> bytes:
    """The stored digest. A plain hash is enough: 32 random bytes cannot be guessed."""
    return hashlib.sha256(key).digest()


def hint_of(key: str) -> str:
    """The last characters, by which people recognise their key."""
    return key[-_HINT_CHARACTERS:]


_KEY = re.compile(rb"lapinq_[A-Za-z0-9_-]{43}")
