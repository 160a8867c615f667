"""Remembers how the frames of a traceback read, by the place in the code that an error came from.

To mark what failed in a line Python parses its source, and it asks the file system whether the file has changed: most
of what a failure costs a worker, and the same each time.
"""

from collections.abc import Hashable
from types import CodeType
from typing import NamedTuple

MAX_PLACES = 1_000
MAX_FRAMES = 100

_WITH_SUGGESTIONS = (NameError, AttributeError, ImportError, SyntaxError)
"""Their last line may depend on the frames: "Did you mean …?"."""


class ErrorOrigin(NamedTuple):
    """Where an error came from. `codes` keeps the ids in the key from being used again."""

    key: tuple[Hashable, ...]
    codes: tuple[CodeType, ...]


class KnownPlaces:
    """The texts of the frames of up to `most` places; when there are too many it begins again."""

    def __init__(self, most: int = MAX_PLACES) -> None:
        self._most = most
        self._known: dict[tuple[Hashable, ...], tuple[str, ErrorOrigin]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def frames_at(self, place: ErrorOrigin | None) -> str | None:
        """The text of the frames; None if it is not known."""
        known = self._known.get(place.key) if place is not None else None
        return known and known[0]

    def remember(self, place: ErrorOrigin, frames: str) -> None:
        """Remembers the text of the frames."""
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[place.key] = (frames, place)


PLACES = KnownPlaces()
"""Those of this process."""


def place_of(error: BaseException, *files: tuple[str, ...]) -> ErrorOrigin | None:
    """Where `error` came from, if its text is that of its frames and a last line that doesn't depend on them.

    So not if it has a cause or members, or very many frames. `files` decide which of its frames are shown.
    """
    if (
        error.__cause__ is not None
        or (error.__context__ is not None and not error.__suppress_context__)
        or isinstance(error, (BaseExceptionGroup, *_WITH_SUGGESTIONS))
    ):
        return None
    codes: list[CodeType] = []
    key: list[Hashable] = [files]
    frames = error.__traceback__
    while frames is not None and len(codes) < MAX_FRAMES:
        code = frames.tb_frame.f_code
        codes.append(code)
        key += (id(code), frames.tb_lasti)
        frames = frames.tb_next
    return ErrorOrigin(tuple(key), tuple(codes)) if frames is None else None
