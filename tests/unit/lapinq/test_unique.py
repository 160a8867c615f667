"""Unique and debounced tasks of the client: keys from arguments, refs, and the same answers from the test kit."""

import asyncio
from typing import Any

import pytest

from lapinq import TaskQueue
from lapinq.errors import InvalidValue, RequestRefused
from lapinq.testing import captured, inline, travel

queue = TaskQueue(queue_name="shop")
ran: list[Any] = []


@queue.task(unique=lambda order_id, *_: f"invoice:{order_id}")
def invoice(order_id: int, note: str = "") -> int:
    ran.append((order_id, note))
    return order_id


@queue.task(debounce={"key": lambda page: f"page:{page}" if page else None, "delay": 5, "max_wait": 60})
def reindex(page: str) -> str:
    ran.append(page)
    return page


@pytest.fixture(autouse=True)
def _none_ran() -> None:
    ran.clear()


def test_the_key_is_computed_from_the_arguments_of_the_call() -> None:
    assert invoice.entry(42, note="x")["unique"] == {"key": "invoice:42"}
    assert reindex.entry("/a")["debounce"] == {"key": "page:/a", "delay": 5, "max_wait": 60}
    assert "debounce" not in reindex.entry("")  # no key, no debounce
    assert invoice.options(unique="fixed").entry(1)["unique"] == {"key": "fixed"}
    full: Any = {"key": "k", "until": 60, "on_conflict": "replace"}
    assert invoice.options(unique=full).entry(1)["unique"] == full
    assert "unique" not in invoice.options(unique=None).entry(1)
    other = invoice.options(unique=None, debounce={"key": "d", "delay": 1}).entry(1)
    assert (other.get("unique"), other["debounce"]) == (None, {"key": "d", "delay": 1})


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"unique": 7}, TypeError, "unique must be a key, a function that returns one, or a dict, not 7"),
    ({"unique": {}}, TypeError, "unique needs a key"),
    (
        {"unique": {"key": 7}},
        TypeError,
        "the key of unique must be a str or a function that returns one, not 7",
    ),
    (
        {"unique": {"key": "k", "delay": 1}},
        TypeError,
        "unique has no delay: it takes key, until, on_conflict",
    ),
    ({"unique": ""}, InvalidValue, "unique.key: must have 1 to 255 characters"),
    (
        {"unique": {"key": "k", "until": "ended"}},
        InvalidValue,
        'unique.until: must be "started", "finished" or',
    ),
    ({"unique": {"key": "k", "until": []}}, TypeError, "unique.until must be a number of seconds, not []"),
    ({"debounce": "k"}, TypeError, "debounce needs a delay"),
    ({"debounce": {"key": "k", "delay": 0}}, InvalidValue, "debounce.delay: must be more than 0"),
    ({"unique": "k", "debounce": {"key": "k", "delay": 1}}, TypeError, "a task cannot have both unique and"),
]


@pytest.mark.parametrize(("options", "kind", "message"), WRONG)
def test_a_wrong_option_is_refused_where_it_is_written(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    for declare in (lambda: queue.task(**options), lambda: invoice.options(**{"unique": None, **options})):
        with pytest.raises(kind) as raised:
            declare()
        assert str(raised.value).startswith(message)


def test_a_computed_key_must_be_a_key_and_a_schedule_takes_none() -> None:
    with pytest.raises(InvalidValue, match=r"unique\.key: must have 1 to 255 characters"):
        invoice.options(unique=lambda order_id, *_: "").queue(42)
    with pytest.raises(TypeError, match="unique cannot be combined with a schedule"):
        queue.every("1h", args=[1])(invoice)


def test_a_ref_and_a_batch_tell_whether_a_task_was_there_before() -> None:
    with captured() as tasks:
        first = invoice.queue(1, "a")
        again = invoice.queue(1, "b")
        assert (first.existing, first.replaced) == (False, False)
        assert (again.task_id, again.existing, again.replaced) == (first.task_id, True, False)
        replaces = invoice.options(unique={"key": "invoice:1", "on_conflict": "replace"})
        replaced = asyncio.run(replaces.aqueue(1, "c"))
        assert (replaced.task_id, replaced.existing, replaced.replaced) == (first.task_id, True, True)
        assert [task.args for task in tasks] == [[1, "c"]]

        batch = queue.batch_enqueue([invoice.entry(1), invoice.entry(2), invoice.entry(2), reindex.entry("")])
        assert (batch.existing, batch.replaced) == ([0, 2], [])
        assert [ref.existing for ref in batch] == [True, False, True, False]
        assert batch[0].task_id == first.task_id
        assert batch[1].task_id == batch[2].task_id

        rejects = invoice.options(unique={"key": "invoice:2", "on_conflict": "reject"})
        with pytest.raises(RequestRefused) as refused:
            rejects.queue(2)
        assert (refused.value.status_code, refused.value.task_id) == (409, batch[1].task_id)
        with pytest.raises(RequestRefused) as refused:
            queue.batch_enqueue([invoice.entry(3), rejects.entry(2)])
        assert refused.value.task_id == batch[1].task_id
        assert refused.value.details[0]["loc"] == "[1].unique.key"
        assert not invoice.queue(3).existing
        assert len(tasks) == 4


def test_inline_a_task_that_has_ended_is_no_obstacle_and_one_that_waits_is() -> None:
    with inline() as tasks:
        assert not invoice.queue(1).existing
        assert not invoice.queue(1).existing  # the first has finished
        for_an_hour = invoice.options(unique={"key": "now and then", "until": 3600})
        assert [for_an_hour.queue(2).existing for _ in range(2)] == [False, True]
        travel(3600)
        assert not for_an_hour.queue(2).existing
        assert [order for order, _ in ran] == [1, 1, 2, 2]
        assert len(tasks) == 4


def test_inline_a_debounced_task_runs_once_with_the_last_arguments() -> None:
    both = reindex.options(debounce={"key": "both", "delay": 5, "max_wait": 12})
    with inline() as tasks:
        first = both.queue("/a")
        for page in ("/b", "/c", "/d"):
            travel(3.5)
            ref = both.queue(page)
            assert (ref.task_id, ref.replaced, ran) == (first.task_id, True, [])
        travel(2)  # twelve seconds after the first call
        assert ran == ["/d"]
        assert not both.queue("/e").existing
        travel(5)
        assert ran == ["/d", "/e"]
        assert [task.args for task in tasks] == [["/d"], ["/e"]]
