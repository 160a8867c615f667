"""Finds what a misspelt name was meant to be, for messages."""

from collections.abc import Iterable
from itertools import islice

MAX_NAME = 255
MAX_KNOWN = 1000
"""More names aren't compared, which would take too long."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is most like `name` or begins with it as a word, ignoring case; None if none is."""
    from difflib import get_close_matches  # needed after mistakes only

    by_lower = {each.lower(): each for each in islice(known, MAX_KNOWN)}
    lower = name[:MAX_NAME].lower()
    found = get_close_matches(lower, by_lower, n=1, cutoff=0.7)
    found += [each for each in by_lower if each.startswith(f"{lower}_")]
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What follows an unknown `name` in a message: empty if nothing is like it."""
    found = nearest(name, known)
    return "" if found is None else f" (did you mean {found!r}?)"
