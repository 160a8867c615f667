"""What people call the state of a task, beside its published status."""

import pytest

from lapinq_core.domain.tasks.shown_state import STATUS_OF, ShownState, state_of, states_of, statuses_of
from lapinq_core.domain.tasks.state import FINAL, Status


@pytest.mark.parametrize(
    ("status", "facts", "state"),
    [
        (Status.PENDING, {}, ShownState.READY),
        (Status.PENDING, {"starts": 2}, ShownState.READY),
        (Status.PENDING, {"is_paused": True}, ShownState.PAUSED),
        (Status.PENDING, {"is_delayed": True}, ShownState.SCHEDULED),
        (Status.PENDING, {"is_delayed": True, "is_paused": True}, ShownState.SCHEDULED),
        (Status.PENDING, {"is_delayed": True, "starts": 1}, ShownState.RETRYING),
        (Status.PENDING, {"is_blocked": True}, ShownState.BLOCKED),
        (Status.PENDING, {"is_suspended": True, "is_delayed": True, "starts": 1}, ShownState.SUSPENDED),
        (Status.PENDING, {"is_blocked": True, "is_paused": True, "starts": 1}, ShownState.BLOCKED),
        (Status.RUNNING, {"is_paused": True, "starts": 1}, ShownState.RUNNING),
        (Status.RUNNING, {"is_stopping": True}, ShownState.STOPPING),
        *(
            (status, {"is_paused": True, "is_stopping": True}, ShownState(status.value))
            for status in sorted(FINAL)
        ),
    ],
)
def test_the_state_follows_from_where_the_task_is(
    status: Status, facts: dict[str, bool | int], state: ShownState
) -> None:
    nothing = {
        "is_delayed": False,
        "is_blocked": False,
        "is_suspended": False,
        "starts": 0,
        "is_paused": False,
        "is_stopping": False,
    }
    assert state_of(status, **{**nothing, **facts}) is state  # pyright: ignore[reportArgumentType]
    assert STATUS_OF[state] is status


def test_the_states_divide_the_statuses() -> None:
    assert set(STATUS_OF) == set(ShownState)
    for status in Status:
        assert statuses_of(states_of(status)) == {status}
