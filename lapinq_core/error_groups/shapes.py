"""What tells errors apart: the type, and the place in the user's code that raised. Two errors that are alike in both
are in one group, whatever their messages say: "card of acme declined" and "card of globex declined" come from one line.

An error without a traceback, such as that of a lost worker, has its message instead, with `*` in place of what varies.
`lapinq_error_group` does the same in the database, for searches: what this module decides is stored with no task.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from lapinq_core.domain.tasks.diagnostics.traceback_text import Owner, owner_of
from lapinq_core.tasks.filters import UNQUOTED_HOLES, first_line, kind_of

MAX_SOURCE = 200
"""Characters of a line of source that tell a place."""


class Shape(NamedTuple):
    """`kind` is the message that people read, `text` what identifies the error in its task function.

    `former` is what identified it in releases that knew no places.
    """

    kind: str
    text: str
    place: str | None
    former: str


def shape_of(error: str, traceback: str | None) -> Shape:
    """The shape of an error, as an attempt stores it."""
    line = first_line(error)
    kind, place = folded(line), place_of(traceback)
    if place is None:
        return Shape(kind, kind, None, kind_of(line))
    return Shape(kind, f"{type_of(line)}\n{place}", place, kind_of(line))


def folded(line: str) -> str:
    """The first line of an error with `*` in place of numbers, ids and quoted parts; those that name code stay."""
    return _HOLE_OUTSIDE_QUOTES.sub("*", line) if _names_code(line) else kind_of(line)


def type_of(line: str) -> str:
    """The type of the exception; empty if the line doesn't begin with one."""
    name = line.partition(":")[0]
    return name if _TYPE.fullmatch(name) else ""


def place_of(traceback: str | None) -> str | None:
    """The last two frames of the user's code: who raised, and who called it, as a helper may raise for many.

    By name of file, function and line of source: numbers of lines and folders differ between releases. The last frame
    of all if none is the user's; None without any.
    """
    own: list[str] = []
    last: str | None = None
    for piece in reversed((traceback or "").split(_MARK)[1:]):
        file, _, rest = _part(piece, "\n", 0).partition('"')
        if not rest.startswith(", line "):
            continue
        source = _part(piece, "\n", 1).strip(_MARGIN)[:MAX_SOURCE]
        frame = f"{_name_of(file)} {_part(rest, ', in ', 1)}: {source}"
        last = last or frame
        if _is_own(file):
            own.append(frame)
        if len(own) == 2:
            break
    return "\n".join(own) or last


def common(kinds: Iterable[str]) -> str:
    """What all of them say, with `*` in place of the words in which they differ."""
    told: list[str] | None = None
    for kind in kinds:
        words = kind.split(" ")
        told = words if told is None else _joined(told, words)
    return " ".join(told or [""])


def _joined(these: list[str], those: list[str]) -> list[str]:
    if these == those:
        return these
    most = min(len(these), len(those))
    start = next((n for n in range(most) if these[n] != those[n]), most)
    end = next((n for n in range(most - start) if these[-1 - n] != those[-1 - n]), most - start)
    return [*these[:start], "*", *these[len(these) - end :]]


def _names_code(line: str) -> bool:
    return type_of(line).rpartition(".")[2] in NAMING


@lru_cache(1000)
def _is_own(file: str) -> bool:
    return owner_of(file) is Owner.USER


def _part(text: str, separator: str, number: int) -> str:
    """One of the parts between the separators, empty if there are fewer."""
    parts = text.split(separator, number + 1)
    return parts[number] if len(parts) > number else ""


def _name_of(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


NAMING = frozenset(
    {
        "AttributeError",
        "ImportError",
        "KeyError",
        "ModuleNotFoundError",
        "NameError",
        "TaskNotAllowed",
        "TaskNotFound",
        "UnboundLocalError",
    }
)
"""Types whose quoted parts are names in the code."""
_MARK = 'File "'
_MARGIN = " \t|"
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.<>]*")
_HOLE_OUTSIDE_QUOTES = re.compile(UNQUOTED_HOLES)
