"""The state machine as a graph."""

from lapinq_core.domain.tasks.state import FINAL, TRANSITIONS, Status


def test_every_status_has_its_moves() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_only_a_failed_task_leaves_a_final_status() -> None:
    assert {status for status in FINAL if TRANSITIONS[status]} == {Status.FAILED}
    assert set(TRANSITIONS[Status.FAILED]) == {Status.PENDING}


def test_a_status_that_is_not_final_leads_somewhere() -> None:
    assert all(TRANSITIONS[status] for status in set(Status) - FINAL)


def test_every_status_is_reached_from_pending() -> None:
    reached, todo = {Status.PENDING}, [Status.PENDING]
    while todo:
        for following in TRANSITIONS[todo.pop()].keys() - reached:
            reached.add(following)
            todo.append(following)
    assert reached == set(Status)


def test_no_move_leads_back_to_where_it_starts() -> None:
    assert not [status for status, moves in TRANSITIONS.items() if status in moves]


def test_every_move_says_what_makes_it() -> None:
    assert all(reason.strip() for moves in TRANSITIONS.values() for reason in moves.values())


def test_running_is_entered_by_a_claim_alone() -> None:
    assert [status for status, moves in TRANSITIONS.items() if Status.RUNNING in moves] == [Status.PENDING]
