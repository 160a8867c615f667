"""What a viewer is sent: the difference to what they were sent before."""

import json

from lapinq_api.dashboard.live.hub import Snapshot


def test_each_viewer_gets_the_parts_that_differ_from_what_they_were_sent() -> None:
    first, second, third = (
        Snapshot({"a": "1", "b": "1"}),
        Snapshot({"a": "2", "b": "1"}),
        Snapshot({"a": "2", "b": "<b>3</b>"}),
    )
    expected = [(second, {"b": "<b>3</b>"}), (first, third.parts), (None, third.parts)]
    for before, parts in [*expected, *reversed(expected)]:  # whatever the others were sent
        news = third.changes_since(before)
        assert news is not None
        assert json.loads(news) == {"parts": parts}
    assert third.changes_since(Snapshot(dict(third.parts))) is None
    assert Snapshot({}).changes_since(None) is None


def test_it_is_encoded_once_for_those_who_were_sent_the_same() -> None:
    before, now = Snapshot({"a": "1"}), Snapshot({"a": "2"})
    assert now.changes_since(before) is now.changes_since(before)
