"""Finds a text in a long one, ignoring case, and cuts out what is around it."""

import msgspec

MAX_EXCERPTS = 20
AROUND = 60
"""Characters of an excerpt on each side."""
CHUNK = 500_000
"""Characters searched at a time: other threads run in between."""


class Excerpt(msgspec.Struct, frozen=True):
    """A place where the text was found, with what is around it. `position` is its first character, from 0."""

    position: int
    before: str
    found: str
    after: str


def excerpts_of(text: str, wanted: str, most: int = MAX_EXCERPTS) -> list[Excerpt]:
    """The first `most` places of `wanted`, which isn't empty; they don't overlap."""
    lowered = _lower(wanted)
    found: list[Excerpt] = []
    start = 0
    while start < len(text):
        chunk = _lower(text[start : start + CHUNK + len(wanted) - 1])
        at = chunk.find(lowered)
        while 0 <= at < CHUNK:
            if len(found) == most:
                return found
            found.append(_excerpt(text, start + at, len(wanted)))
            at = chunk.find(lowered, at + len(wanted))
        start = max(start + CHUNK, found[-1].position + len(wanted) if found else 0)
    return found


def _excerpt(text: str, position: int, length: int) -> Excerpt:
    end = position + length
    return Excerpt(
        position, text[max(position - AROUND, 0) : position], text[position:end], text[end : end + AROUND]
    )


def _lower(text: str) -> str:
    """`text` in lower case and of the same length, so that places in it are places in `text`."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)
