"""Finding a text in a long one."""

import pytest

from lapinq_core.domain import excerpts
from lapinq_core.domain.excerpts import AROUND, CHUNK, Excerpt, excerpts_of


@pytest.mark.parametrize(
    ("text", "wanted", "positions"),
    [
        ("a Needle, a nEEDle", "needle", [2, 12]),
        ("aaaa", "aa", [0, 2]),
        ("x" * (CHUNK - 3) + "needle", "needle", [CHUNK - 3]),
        ("a" * (CHUNK + 3), "a" * (CHUNK + 1), [0]),
        ("İÜ İü", "iü", []),
        ("İ ÜBER", "über", [2]),
        ("nothing", "needle", []),
        ("", "needle", []),
    ],
)
def test_places_are_found_whatever_their_case(text: str, wanted: str, positions: list[int]) -> None:
    found = excerpts_of(text, wanted)
    assert [one.position for one in found] == positions
    assert all(one.found == text[one.position : one.position + len(wanted)] for one in found)


def test_an_excerpt_has_what_is_around_it() -> None:
    [found] = excerpts_of("<" + "a" * 100 + "B" + "c" * 100 + ">", "b")
    assert found == Excerpt(101, "a" * AROUND, "B", "c" * AROUND)


def test_there_are_no_more_than_wanted() -> None:
    assert len(excerpts_of("ab" * CHUNK, "a")) == excerpts.MAX_EXCERPTS
