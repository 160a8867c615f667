"""Text that is safe to print: it contains no character that a terminal acts on."""

import re

import msgspec

WIDTH = 17
"""Width of the column with the field's name."""
_TERMINAL_CONTROLS = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that JSON allows in a string but a terminal acts on: DEL, C1 controls, text direction."""


def field_text(name: str, value: object) -> str:
    """A line for the field. Further lines of its value are indented, so that none looks like another field."""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    lines = "" if value is None else plain(shown).rstrip().replace("\n", f"\n{'':<{WIDTH}} ")
    return f"{name:<{WIDTH}} {lines}".rstrip()


def plain(text: str) -> str:
    """`text` with control characters escaped: a task must not control the reader's terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)


def json_text(text: str) -> str:
    """The same JSON, with the control characters escaped that JSON allows. They only occur inside strings."""
    return _TERMINAL_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
