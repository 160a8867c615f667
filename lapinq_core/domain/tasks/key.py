"""The key of a task: the customer, account or device that it is about."""

import re

from lapinq_core.domain.errors import InvalidValue

MAX_KEY = 255
CONTROL_CHARACTERS = r"\u0000-\u001F\u007F-\u009F"
"""Ranges of characters, for JSON Schema."""
KEY_PATTERN = rf"^[^{CONTROL_CHARACTERS}]*$"
"""Any characters but control characters, for JSON Schema."""


def check_key(loc: str, key: str) -> None:
    """1 to 255 characters, none of them a control character. Raises `InvalidValue`."""
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidValue(loc, f"must have 1 to {MAX_KEY} characters")
    if _CONTROL.search(key):
        raise InvalidValue(loc, "must not contain control characters")
    if not key.isascii() and any("\ud800" <= char <= "\udfff" for char in key):
        raise InvalidValue(loc, "must not contain half of a surrogate pair")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
