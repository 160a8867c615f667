"""What to call a JSON value in an error: "a string"."""


def kind_of(value: object) -> str:
    """With its article."""
    return _KINDS.get(type(value), "another value")


_KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal fraction",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
