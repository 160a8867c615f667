"""Whose payloads are hidden from whom, and that what is hidden can neither be guessed nor written back."""

from typing import Any

import msgspec
import pytest

from lapinq_api.credentials.payloads import Payloads, PayloadView
from lapinq_api.operations.bodies.objects import AttemptObject, ResultObject, TaskObject
from lapinq_api.operations.bodies.schedule_object import ScheduleObject
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import ANONYMOUS, MASTER_KEY, Actor, ActorKind, Permission, Scope
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.redact import HIDDEN, PAYLOAD_FIELDS, PAYLOAD_FILTERS
from lapinq_core.tasks.filters import TaskFilter

payloads = Payloads(["password"])

LISA = Actor(kind=ActorKind.USER, name="lisa", permissions={"mail": frozenset({Permission.PAYLOAD})})
READER = Actor(kind=ActorKind.KEY, name="reports", scopes=frozenset({Scope.READ}))
PROGRAM = Actor(kind=ActorKind.KEY, name="shop", scopes=frozenset({Scope.READ, Scope.ENQUEUE}))

# Every field of what is shown, and every filter, is one or the other: for a new one somebody has to decide.
SHOWN_TO_ALL = {
    "id", "task_name", "queue_name", "module_path", "status", "attempts", "max_retries", "priority", "progress",
    "progress_message", "retry_delay", "retry_backoff", "webhook_url", "ttl_seconds", "ttl_remaining", "worker_id",
    "created_at", "scheduled_at", "started_at", "completed_at", "timeout_seconds", "attempt", "outcome",
    "run_seconds", "finished_at", "final", "request_id", "requeued_at", "requeued_by",
    "key", "limits", "workflow_id", "has_profile", "left_out", "rerun_of", "waiting_for", "unique_key",
}  # fmt: skip
OF_SCHEDULES = {
    "name", "cron", "every", "timezone", "anchor_at", "starts_at", "ends_at", "jitter", "misfire", "misfire_limit",
    "overlap", "state", "description", "next_fire_at", "last", "paused_at", "paused_by", "pause_reason", "source",
    "version", "updated_at", "updated_by",
}  # fmt: skip
WORDS_ABOUT_IT = {"error", "traceback", "logs"}
OPEN_TO_ALL = {
    "queue", "status", "states", "task_name", "name", "module", "error", "error_kind", "worker", "before", "first",
    "last", "queues", "names", "not_queues", "not_names", "not_task_names", "not_errors", "key", "ended_since",
    "ended_until", "keys", "not_keys", "not_error_kinds", "error_groups",
}  # fmt: skip


async def encoded(view: PayloadView, value: Any, queue: str | None = None) -> Any:
    return msgspec.json.decode(await view.encoded(msgspec.json.encode(value).decode(), queue))


def test_every_field_and_filter_is_a_payload_or_meant_for_all() -> None:
    for shown in (TaskObject, ResultObject, AttemptObject):
        assert set(shown.__struct_fields__) <= SHOWN_TO_ALL | WORDS_ABOUT_IT | set(PAYLOAD_FIELDS)
    assert set(ScheduleObject.__struct_fields__) <= SHOWN_TO_ALL | OF_SCHEDULES | set(PAYLOAD_FIELDS)
    assert set(TaskFilter.__struct_fields__) - OPEN_TO_ALL <= set(PAYLOAD_FILTERS)


def test_what_stands_for_a_hidden_value_is_not_written_back() -> None:
    masks = {"args": [1, {"a": [HIDDEN]}], "kwargs": {"password": HIDDEN}, "metadata": {"a": {"b": HIDDEN}}}
    for field, value in masks.items():
        with pytest.raises(InvalidValue, match=f"{field}: must not hold"):
            payloads.for_(LISA).check_holds_no_mask("video", {field: value})
        payloads.for_(LISA).check_holds_no_mask("mail", {field: value})
        payloads.for_(MASTER_KEY).check_holds_no_mask("video", {field: value})
        Payloads(()).for_(READER).check_holds_no_mask("video", {field: value})
    payloads.for_(LISA).check_holds_no_mask("video", {"args": ["is [hidden] here"], "pause_reason": HIDDEN})


@pytest.mark.parametrize(
    ("actor", "sees"),
    [
        (MASTER_KEY, True),
        (ANONYMOUS, True),
        (READER, False),
        (PROGRAM, True),
        (Actor(kind=ActorKind.KEY, name="ops", scopes=frozenset({Scope.MANAGE, Scope.READ})), True),
        (Actor(kind=ActorKind.USER, name="root", is_admin=True), True),
        (Actor(kind=ActorKind.USER, name="new"), False),
        (Actor(kind=ActorKind.COMMAND_LINE, name="root"), True),
    ],
)
def test_who_sees_everything(actor: Actor, sees: bool) -> None:
    view = payloads.for_(actor)
    assert (view.is_whole, view.hides("mail")) == (sees, not sees)


def test_a_user_sees_the_queues_they_have_the_permission_for() -> None:
    view = payloads.for_(LISA)
    assert not view.is_whole
    assert (view.hides("mail"), view.hides("video"), view.hides(None)) == (False, True, True)


def test_without_the_setting_nothing_but_addresses_is_hidden_from_anybody() -> None:
    view = Payloads(()).for_(READER)
    assert view.is_whole
    assert not view.hides(None)
    view.check_search({"args": "x"}, [None])
    shown = {"queue_name": "mail", "kwargs": {"password": 1}}
    assert view.mask_object(shown) == shown
    assert Payloads(()).for_(PROGRAM).mask_object(shown) is shown


async def test_what_is_not_masked_is_passed_on_letter_by_letter() -> None:
    text = ' {"queue_name" : "video", "kwargs" : {"password" : 1e2} } '
    assert await payloads.for_(MASTER_KEY).encoded(text) == text.encode()
    text = '{"id" : "a"}'
    assert await Payloads([]).for_(READER).encoded(text) == text.encode()


async def test_rows_are_masked_by_the_queue_that_each_names() -> None:
    rows = [
        {"id": "1", "queue_name": queue, "kwargs": {"password": "p", "to": "t"}, "result": '{"password":"p"}'}
        for queue in ("mail", "video", "mail")
    ]
    hidden = {**rows[1], "kwargs": {"password": HIDDEN, "to": "t"}, "result": '{"password":"[hidden]"}'}
    view = payloads.for_(LISA)
    assert await encoded(view, rows) == [rows[0], hidden, rows[2]]
    assert [view.mask_object(row) for row in rows] == [rows[0], hidden, rows[2]]
    assert rows[1]["kwargs"] == {"password": "p", "to": "t"}
    # Large answers as small ones are.
    assert await encoded(view, [rows[1]] * 2_000) == [hidden] * 2_000


async def test_what_names_no_queue_is_masked_by_that_of_its_task_and_else_in_any_case() -> None:
    attempt = {"attempt": 1, "result": '{"password":"p"}', "logs": "p"}
    hidden = {**attempt, "result": '{"password":"[hidden]"}'}
    view = payloads.for_(LISA)
    for queue, shown in (("mail", attempt), ("video", hidden), (None, hidden)):
        assert await encoded(view, [attempt], queue) == [shown]
        assert view.mask_object(attempt, queue) == shown


@pytest.mark.parametrize("odd", ["1e999", '"\\ud800"'])
async def test_a_row_that_was_written_around_us_is_masked_and_answered(odd: str) -> None:
    row = f'{{"queue_name": "video", "args": [{odd}], "kwargs": {{"password": "p"}}, "metadata": {{"b": 2}}}}'
    answer = await payloads.for_(LISA).encoded(f"[{row}]")
    [shown] = msgspec.json.decode(answer.replace(b"\\ud800", b""))
    assert (shown["kwargs"], shown["metadata"]) == ({"password": HIDDEN}, {"b": 2})


@pytest.mark.parametrize("name", PAYLOAD_FIELDS)
def test_who_is_not_shown_a_payload_may_not_guess_at_it_by_filters(name: str) -> None:
    view = payloads.for_(LISA)
    view.check_search({name: "x"}, ["mail"])
    view.check_search({"task_name": "x", "error": "x"}, ["video"])
    assert view.searchable({name: "x"}, ["mail"]) == {name: "x"}
    for queues in ([None], ["video"], ["mail", "video"]):
        with pytest.raises(Refused, match=f"lisa may not search {name} .* the permission payload") as refused:
            view.check_search({name: "x"}, queues)
        assert refused.value.status == 403
        assert view.searchable({name: "x"}, queues) == {}
    with pytest.raises(Refused, match="needs a key with the scope enqueue or manage"):
        payloads.for_(READER).check_search({name: "x"}, ["mail"])
