"""Rules for usernames and passwords. Pure: the API hashes and compares passwords."""

from functools import cache

from lapinq_core.domain.errors import InvalidValue

MAX_USERNAME = 255
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
MOST_COMMON = 10_000
"""Passwords that attackers guess first."""

DEFAULT_USERNAME = "lapinq"
DEFAULT_PASSWORD = "lapinq"  # noqa: S105  # everybody knows it: the first user has it until it is changed


def check_username(loc: str, username: str) -> None:
    """1 to 255 printable characters without a space at either end. Raises `InvalidValue`."""
    if not 1 <= len(username) <= MAX_USERNAME:
        raise InvalidValue(loc, f"must have 1 to {MAX_USERNAME} characters")
    if not username.isprintable():
        raise InvalidValue(loc, "must have printable characters only")
    if username != username.strip():
        raise InvalidValue(loc, "must not begin or end with a space")


def could_be_username(text: str) -> bool:
    """Whether a user of this name can exist; the database rejects some text that people can type."""
    return text.isprintable() and len(text) <= MAX_USERNAME


def check_password(loc: str, password: str, username: str) -> None:
    """8 to 1024 characters, not the username, and not a common password. Raises `InvalidValue`."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidValue(loc, f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    if not is_text(password):
        raise InvalidValue(loc, "must not contain the character NUL or half of a surrogate pair")
    if password.casefold() == username.casefold():
        raise InvalidValue(loc, "must not be the username")
    if password.casefold() in _common():
        raise InvalidValue(loc, f"must not be one of the {MOST_COMMON} most common passwords")


@cache
def _common() -> frozenset[str]:
    """The most common passwords, in lower case. Loaded at the first call: it takes a moment and 15 MB."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # see above

    # A password that is also a name or a word stands in the list where its rank is best, and in no other.
    return frozenset(
        word
        for ranked in FREQUENCY_LISTS.values()
        for word in ranked[:MOST_COMMON]
        if len(word) >= MIN_PASSWORD
    )


def is_text(given: str) -> bool:
    """Whether `given` can be written in UTF-8 and has no NUL."""
    return "\x00" not in given and not any("\ud800" <= char <= "\udfff" for char in given)
