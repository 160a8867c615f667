"""What a named API key looks like, and what is kept of it: a digest to find it by, and its end to know it by."""

import hashlib
import re
from base64 import urlsafe_b64encode

SECRET_BYTES = 32
_PREFIX = b"lapinq_"
_HINT_CHARACTERS = 4


def key_of(secret: bytes) -> str:
    """The key that says `secret`, which is 32 random bytes. Its prefix tells people and scanners what they found."""
    return (_PREFIX + urlsafe_b64encode(secret).rstrip(b"=")).decode()


def looks_like_key(text: bytes) -> bool:
    """Whether `text` can be a key; what can't is never looked for."""
    return _KEY.fullmatch(text) is not None


def digest_of(key: bytes) -> bytes:
    """What is kept of a key. A plain hash will do: there is nothing to guess in 32 random bytes."""
    return hashlib.sha256(key).digest()


def hint_of(key: str) -> str:
    """The end of a key, by which a person tells theirs apart."""
    return key[-_HINT_CHARACTERS:]


_KEY = re.compile(rb"lapinq_[A-Za-z0-9_-]{43}")
