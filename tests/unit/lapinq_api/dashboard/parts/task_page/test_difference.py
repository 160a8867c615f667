"""What differs between two runs of a task."""

from typing import Any

from lapinq_api.credentials.payloads import Payloads
from lapinq_api.dashboard.parts.task_page.difference import Change, Difference, changes_of
from lapinq_core.domain.accounts.account import ANONYMOUS, Actor, ActorKind
from lapinq_core.lookup.good_run import GoodRun
from lapinq_core.lookup.task_detail import WHOLE_BYTES, Value
from tests.support.rows.task_details import after, json_value, task

STRANGER = Actor(kind=ActorKind.USER, name="lisa", is_admin=False, permissions={})


def test_values_that_differ_are_named() -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], list[Change]]] = [
        ({}, {}, []),
        ({"args[0]": "a", "x": 1}, {"args[0]": "b", "x": 1}, [Change("args[0]", '"a"', '"b"')]),
        ({"a": 1}, {"b": None}, [Change("b", "–", "None"), Change("a", "1", "–")]),
        ({"a": [1]}, {"a": [1, 2]}, [Change("a", "[1]", "[1, 2]")]),
    ]
    for good, failed, changes in cases:
        assert changes_of(good, failed) == changes


def test_an_audience_sees_what_it_may_of_the_difference() -> None:
    failed = task(
        kwargs=json_value('{"password": "a", "to": "ada"}'), started_at=after(1), completed_at=after(4)
    )
    good = task(kwargs=json_value('{"password": "b", "to": "bob"}'))
    difference = Difference(failed, GoodRun(task=good, release="1.2", failed_release="1.3"))
    assert (difference.changes_release, difference.good_seconds, difference.failed_seconds) == (True, None, 3)
    payloads = Payloads(("password",))
    everything = [Change("password", '"b"', '"a"'), Change("to", '"bob"', '"ada"')]
    assert difference.shown_to(payloads.for_(ANONYMOUS)) == everything
    assert difference.shown_to(payloads.for_(STRANGER)) == everything[1:]


def test_positional_arguments_have_the_names_of_their_parameters() -> None:
    failed, good = task(args=json_value('["a", 1, 2]')), task(args=json_value('["b", 1, 3]'))
    difference = Difference(failed, GoodRun(task=good, release=None, failed_release=None), ["to", "copies"])
    assert difference.shown_to(Payloads(()).for_(ANONYMOUS)) == [
        Change("to", '"b"', '"a"'),
        Change("args[2]", "3", "2"),
    ]


def test_large_arguments_are_not_compared() -> None:
    large = task(args=Value("[1", WHOLE_BYTES + 1))
    difference = Difference(task(), GoodRun(task=large, release=None, failed_release=None))
    assert difference.shown_to(Payloads(()).for_(ANONYMOUS)) is None
