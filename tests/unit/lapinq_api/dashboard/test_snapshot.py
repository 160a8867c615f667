"""What a viewer is sent: the difference to what they were sent before."""

import json

from lapinq_api.dashboard.live.hub import Snapshot


def test_who_was_sent_nothing_gets_everything() -> None:
    news = Snapshot({"totals": "<b>1</b>", "queues": '"'}).changes_since(None)
    assert news is not None
    assert json.loads(news) == {"parts": {"totals": "<b>1</b>", "queues": '"'}}


def test_who_was_sent_the_same_gets_nothing() -> None:
    assert Snapshot({"totals": "1"}).changes_since(Snapshot({"totals": "1"})) is None
    assert Snapshot({}).changes_since(None) is None


def test_else_they_get_the_parts_that_differ() -> None:
    before = Snapshot({"totals": "1", "queues": "a"})
    news = Snapshot({"totals": "2", "queues": "a"}).changes_since(before)
    assert news is not None
    assert json.loads(news) == {"parts": {"totals": "2"}}


def test_it_is_the_difference_for_each_whatever_the_others_were_sent() -> None:
    first, second, third = (
        Snapshot({"a": "1", "b": "1"}),
        Snapshot({"a": "2", "b": "1"}),
        Snapshot({"a": "2", "b": "3"}),
    )
    expected = [(second, {"b": "3"}), (first, {"a": "2", "b": "3"}), (None, {"a": "2", "b": "3"})]
    for before, parts in [*expected, *reversed(expected)]:
        news = third.changes_since(before)
        assert news is not None
        assert json.loads(news) == {"parts": parts}


def test_it_is_encoded_once_for_those_who_were_sent_the_same() -> None:
    before, now = Snapshot({"a": "1"}), Snapshot({"a": "2"})
    assert now.changes_since(before) is now.changes_since(before)
