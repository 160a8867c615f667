"""How a filter is narrowed to the queues that its reader may read."""

from lapinq_core.domain.queue_filter import QueueFilter, Readable, as_list, includes, narrowed

CASES: list[tuple[QueueFilter, Readable, list[str | None]]] = [
    (QueueFilter(), None, [None]),
    (QueueFilter(), {"b", "a"}, ["a", "b"]),
    (QueueFilter(), frozenset(), []),
    (QueueFilter(queue="a"), {"a", "b"}, ["a"]),
    (QueueFilter(queues=["c", "a"]), {"a", "b"}, ["a"]),
    (QueueFilter(queues=["c"]), {"a"}, []),
    (QueueFilter(queue="a", queues=["c"]), None, ["a"]),
]


def test_what_is_left_is_what_was_asked_for_and_may_be_read() -> None:
    for chosen, readable, left in CASES:
        assert narrowed(chosen, readable).named == left, (chosen, readable)


def test_nothing_matches_a_queue_that_may_not_be_read() -> None:
    assert narrowed(QueueFilter(queue="c"), {"a"}) == QueueFilter(queue="c", queues=[])


def test_what_is_left_of_one_queue_is_a_filter_by_it_for_which_searches_are_fast() -> None:
    for chosen in (QueueFilter(), QueueFilter(queues=["c", "a"])):
        assert narrowed(chosen, {"a"}) == QueueFilter(queue="a")


def test_none_is_all_queues() -> None:
    assert (includes(None, "a"), includes({"a"}, "a"), includes({"a"}, "b")) == (True, True, False)
    assert (as_list(None), as_list({"b", "a"})) == (None, ["a", "b"])
