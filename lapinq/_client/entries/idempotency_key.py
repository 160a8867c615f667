"""What an idempotency key may look like."""

import re

_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


def check_idempotency_key(key: object) -> None:
    """Raises TypeError and ValueError for a key that no header can carry. None is no key."""
    if key is None:
        return
    if not isinstance(key, str):
        raise TypeError(f"idempotency_key must be a str, not {key!r}")
    if not _KEY.fullmatch(key):
        raise ValueError(
            "idempotency_key must have 1 to 255 printable ASCII characters, without spaces around them, not"
            f" {key!r}"
        )
