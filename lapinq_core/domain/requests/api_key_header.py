"""An API key as a header carries it."""

from lapinq_core.domain.errors import InvalidValue


def header_of(api_key: str) -> str:
    """The key without white space around it, with which a file may end. Raises `InvalidValue`, without the key in it,
    for one that no header can carry."""
    key = api_key.strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidValue("api_key", "must be one line of ASCII characters")
    return key
