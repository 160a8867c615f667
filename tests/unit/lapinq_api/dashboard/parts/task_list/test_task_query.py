"""What the parameters of the list of tasks mean, and that bulk calls can express the same search."""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.dashboard.parts.task_list.task_columns import headings
from lapinq_api.dashboard.parts.task_list.task_query import bulk_query, moment_of, read_search, unescaped
from lapinq_api.operations.filters.several import join
from lapinq_api.operations.filters.task import read_filter
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.search import Search, TaskOrder, as_filter

NOW = datetime(2030, 6, 15, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
NAME = st.from_regex(r"[A-Za-z0-9_.%\\-]{1,40}", fullmatch=True)


def test_texts_are_taken_as_they_were_typed() -> None:
    for parameters, expected in (
        (
            {"task_name": "50%_a", "arguments": "\\", "queue": "50%"},
            Search(task_name="%50\\%\\_a%", arguments="%\\\\%", queue="50%"),
        ),
        (
            {"queues": 'a,"b,c"', "not_errors": '50%,"a b"'},
            Search(queues=["a", "b,c"], not_errors=["%50\\%%", "%a b%"]),
        ),
        (
            {"keys": r"acme*,a%b,x\*", "not_arguments": "50%", "named_arguments": "order.id=17,to=A*"},
            Search(
                keys=["acme%", r"a\%b", "x*"],
                not_arguments=[r"%50\%%"],
                named_arguments='{"order.id":{"like":"17"},"to":{"like":"A%"}}',
            ),
        ),
        ({"sort": "longest"}, Search(order=TaskOrder.LONGEST_RUNNING)),
        ({"status": "FAILED", "sort": "newest"}, Search(status=Status.FAILED)),
    ):
        assert read_search(parameters, NOW) == expected


@given(TEXT)
def test_a_filter_of_a_bulk_call_is_shown_as_it_was_typed(text: str) -> None:
    query = bulk_query({"error": text}, NOW)
    assert query is None or unescaped("error", query["error"]) == text


def test_heads_point_as_in_other_lists() -> None:
    for sort, name, direction in (
        (None, "age", "descending"),
        ("longest", "duration", "descending"),
        ("due", "started", "ascending"),
    ):
        parameters = {} if sort is None else {"sort": sort}
        heading = headings(parameters, read_search(parameters, NOW))[name]
        assert (heading.is_current, heading.direction) == (True, direction)


@pytest.mark.parametrize(
    ("parameters", "status", "states"),
    [
        ({"status": "failed"}, Status.FAILED, None),
        ({"state": "ready"}, Status.PENDING, {ShownState.READY}),
        ({"state": "Ready,scheduled,retrying,blocked,suspended,paused"}, Status.PENDING, None),
        ({"status": "failed,expired"}, None, {ShownState.FAILED, ShownState.EXPIRED}),
        (
            {"status": "pending", "not_state": "paused"},
            Status.PENDING,
            set(states_of(Status.PENDING)) - {"paused"},
        ),
        ({"not_status": "completed"}, None, set(ShownState) - {ShownState.COMPLETED}),
        ({"status": "failed", "state": "ready"}, None, frozenset[ShownState]()),
    ],
)
def test_statuses_and_states_narrow_each_other(
    parameters: dict[str, str], status: Status | None, states: AbstractSet[ShownState] | None
) -> None:
    found = read_search(parameters, NOW)
    assert (found.status, found.states) == (status, states)


def test_a_time_is_how_long_ago_or_one_in_the_zone() -> None:
    madrid, utc = ZoneInfo("Europe/Madrid"), ZoneInfo("UTC")
    for text, at in (
        ("-2h", NOW - timedelta(hours=2)),
        ("today", datetime(2030, 6, 14, 22, tzinfo=UTC)),
        ("Yesterday", datetime(2030, 6, 13, 22, tzinfo=UTC)),
        ("yesterday 9:05", datetime(2030, 6, 14, 7, 5, tzinfo=UTC)),
        ("2030-01-31", datetime(2030, 1, 30, 23, tzinfo=UTC)),
        ("2030-03-31T02:30", datetime(2030, 3, 31, 1, tzinfo=UTC)),  # skipped by the clocks
        ("2030-01-31T12:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
    ):
        assert moment_of("since", text, NOW, madrid) == at, text
    late = datetime(2030, 6, 15, 22, 30, tzinfo=UTC)
    assert moment_of("since", "today", late, madrid) == datetime(2030, 6, 15, 22, tzinfo=UTC)
    for text, at in (
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("1H", NOW - timedelta(hours=1)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
        ("2030-01-31T12:00", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31T12:00+02:00", datetime(2030, 1, 31, 10, tzinfo=UTC)),
    ):
        assert moment_of("since", text, NOW, utc) == at


WRONG = [
    ("status", "failed,done"), ("state", "pending"), ("not_state", "none"), ("queues", "a,"), ("not_queues", "a,b\nc"),
    ("names", ",".join(map(str, range(21)))), ("sort", "oldest"), ("id", "xyz"), ("id", "01981c1e5"),
    ("worker", "web-1"), ("since", "tomorrow"), ("since", "yesterday 24:00"), ("since", "1y"),
    ("since", "999999w"), ("until", "٣h"),
    ("until", "9999-12-31T23:59-10:00"), ("queue", "a\nb"), ("queue", "x" * 256), ("arguments", "x" * 1001),
    ("error", "a\0b"), ("keys", "a\nb"), ("not_keys", "a,"), ("named_arguments", "order"),
    ("named_arguments", "a=1,a=2"),
    ("named_arguments", "1=2"), ("not_error_kinds", "x" * 1001),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_a_wrong_value_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_search({name: text}, NOW)
    assert caught.value.loc == name


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "queue": NAME,
            "status": st.sampled_from([*Status, "failed,expired", "pending,running"]),
            "state": st.sampled_from(["ready", "retrying,failed", "running,stopping"]),
            "not_state": st.sampled_from(["paused", "completed,paused"]),
            "not_status": st.just("running"),
            "queues": st.lists(NAME, min_size=1, max_size=3).map(join),
            "not_names": st.lists(NAME, min_size=1, max_size=3).map(join),
            "not_task_names": st.lists(NAME, min_size=1, max_size=3).map(join),
            "not_errors": st.lists(NAME, min_size=1, max_size=3).map(join),
            "not_arguments": st.lists(NAME, min_size=1, max_size=3).map(join),
            "keys": st.lists(NAME, min_size=1, max_size=3).map(join),
            "not_keys": st.sampled_from(["*", "acme*,b"]),
            "not_error_kinds": st.lists(NAME, min_size=1, max_size=3).map(join),
            "named_arguments": NAME.map(lambda value: join([f"order={value}"])),
            "zone": st.just("Europe/Madrid"),
            "task_name": NAME,
            "name": NAME,
            "arguments": TEXT,
            "kwargs": TEXT,
            "metadata": TEXT,
            "result": TEXT,
            "error": TEXT,
            "error_kind": TEXT,
            "error_group": st.sampled_from(["1", "17,18"]),
            "id": st.sampled_from(["0", "01981c1e", "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"]),
            "worker": st.just(str(uuid4())),
            "since": st.sampled_from(["1h", "yesterday", "2030-01-31T12:00"]),
            "until": st.sampled_from(["5m", "2030-02-01"]),
            "ended_since": st.sampled_from(["1h", "2030-01-31T12:00"]),
            "ended_until": st.sampled_from(["5m", "2030-02-01"]),
            "sort": st.sampled_from(["newest", "due"]),
            "columns": st.just("task"),
            "cursor": st.just("0"),
        },
    )
)
def test_a_call_for_all_that_is_found_is_for_just_that(parameters: dict[str, str]) -> None:
    query = bulk_query(parameters, NOW)
    sought = as_filter(read_search(parameters, NOW))
    if not sought.statuses:
        assert query is None
    else:
        assert query is not None
        assert read_filter(query) == sought


@pytest.mark.parametrize(
    "parameters", [{"sort": "longest"}, {"task_name": "%" * 200}, {"arguments": "_" * 501}]
)
def test_what_such_a_call_cannot_say_is_not_offered(parameters: dict[str, str]) -> None:
    assert bulk_query(parameters, NOW) is None
