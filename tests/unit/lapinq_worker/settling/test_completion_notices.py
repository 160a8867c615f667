"""Which ends are told of: of tasks that somebody waited for a moment ago, of so many at most."""

import pytest

from lapinq_worker.settling import completion_notices as module
from lapinq_worker.settling.completion_notices import KEPT_SECONDS, CompletionNotices


@pytest.fixture
def told() -> list[list[str]]:
    return []


@pytest.fixture
def waited(told: list[list[str]]) -> CompletionNotices:
    return CompletionNotices(lambda ids: told.append(list(ids)))


def test_those_that_are_waited_for_are_told_of(waited: CompletionNotices, told: list[list[str]]) -> None:
    waited.heard("")
    assert not waited
    waited.ended(["a"])
    waited.heard("a b")
    waited.heard("c")
    assert waited
    waited.ended(["x", "c", "a"])
    waited.ended(["x"])
    assert told == [["c", "a"]]


def test_what_is_not_said_again_is_forgotten(
    waited: CompletionNotices, told: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    waited.heard("a b")
    now += KEPT_SECONDS - 1
    waited.heard("a")
    now += 2
    waited.ended(["b", "a"])
    assert told == [["a"]]
    now += KEPT_SECONDS
    waited.ended(["a"])
    assert told == [["a"]]
    assert not waited


def test_no_more_are_kept_than_may(
    waited: CompletionNotices, told: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_AWAITED", 2)
    waited.heard("a b c")
    waited.heard("b c")
    waited.ended(["a", "b", "c"])
    assert told == [["a", "b"]]
