"""JSON as a collapsible tree in plain markup. It works without scripts; `tree.js` builds the same and adds search.

The tree has a limited size. The rest of long lists and of deep nesting is only in the text beside it.
"""

import json
from collections.abc import Sequence
from typing import Any, cast

from markupsafe import Markup, escape

MAX_CHARACTERS = 8_000
"""Characters of JSON text. The script draws larger trees."""
CHUNK = 50
"""Entries of a list or an object that are open initially."""
OPEN_DEPTH = 2
OPEN_ENTRIES = 20
MAX_STRING = 300
_DEEPEST = 110


class _Number(str):
    """A number as text, because a float might not represent it."""

    __slots__ = ()


def draw(text: str, names: Sequence[str] = ()) -> Markup | None:
    """The tree of a value; None if the text is too long or can't be drawn. `names` are those of a list's entries."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        value = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return None
    drawn = ['<ul class="json">']
    if not _draw(drawn, "", value, 0, names):
        return None
    drawn.append("</ul>")
    return Markup("".join(drawn))  # noqa: S704  # the user's text in it is escaped


def _draw(drawn: list[str], key: str, value: Any, depth: int, names: Sequence[str] = ()) -> bool:
    """Adds a line. Returns False if it is nested too deeply. `key` is markup."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, list | dict) and value:
        entries = _entries(cast("list[Any] | dict[str, Any]", value), names)
        is_open = not depth or (depth < OPEN_DEPTH and len(entries) <= OPEN_ENTRIES)
        brief = f"{{{len(entries)}}}" if isinstance(value, dict) else f"[{len(entries)}]"
        drawn.append(f"<li><details{' open' if is_open else ''}><summary>{key}")
        drawn.append(f'<span class="brief">{brief}</span></summary>')
        if not _draw_entries(drawn, entries, depth):
            return False
        drawn.append("</details></li>")
        return True
    drawn.append(f"<li>{key}{_scalar(value)}</li>")
    return True


def _entries(value: list[Any] | dict[str, Any], names: Sequence[str]) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(_key(json.dumps(name, ensure_ascii=False)), one) for name, one in value.items()]
    keys = [*names[: len(value)], *map(str, range(len(names), len(value)))]
    return [(_key(key), one) for key, one in zip(keys, value, strict=True)]


def _draw_entries(drawn: list[str], entries: list[tuple[str, Any]], depth: int) -> bool:
    """Adds the entries, all but the first chunk collapsed."""
    begin, count, folds = 0, CHUNK, 0
    while True:
        drawn.append("<ul>")
        if not all(_draw(drawn, key, one, depth + 1) for key, one in entries[begin : begin + count]):
            return False
        begin, count = begin + count, count * 2
        if begin >= len(entries):
            break
        folds += 1
        drawn.append(f'<li><details class="more"><summary>+ {len(entries) - begin}</summary>')
    drawn.append("</ul>" + "</details></li></ul>" * folds)
    return True


def _key(text: str) -> str:
    return f'<span class="key">{escape(text)}</span>'


def _scalar(value: Any) -> str:
    match value:
        case _Number():
            return f'<span class="number">{escape(str(value))}</span>'
        case str():
            return _string(json.dumps(value, ensure_ascii=False))
        case None | True | False:
            return f'<span class="word">{json.dumps(value)}</span>'
        case _:
            return f'<span class="brief">{"{}" if isinstance(value, dict) else "[]"}</span>'


def _string(text: str) -> str:
    if len(text) <= MAX_STRING:
        return f'<span class="string">{escape(text)}</span>'
    return (
        f'<details class="long"><summary><span class="string">{escape(text[:100])}…</span>'
        f' <span class="brief">{len(text)}</span></summary><span class="string">{escape(text)}</span></details>'
    )
