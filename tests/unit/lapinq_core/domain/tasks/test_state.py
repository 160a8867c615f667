"""The state machine as a graph."""

from lapinq_core.domain.tasks.state import FINAL, TRANSITIONS, Status


def test_every_status_has_its_moves_each_with_what_makes_it() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert not [status for status, moves in TRANSITIONS.items() if status in moves]
    assert all(reason.strip() for moves in TRANSITIONS.values() for reason in moves.values())


def test_every_status_is_reached_from_pending_and_a_final_one_is_left_for_pending_alone() -> None:
    reached, todo = {Status.PENDING}, [Status.PENDING]
    while todo:
        for following in TRANSITIONS[todo.pop()].keys() - reached:
            reached.add(following)
            todo.append(following)
    assert reached == set(Status)
    assert all(set(TRANSITIONS[status]) == {Status.PENDING} for status in FINAL)


def test_running_is_entered_by_a_claim_alone() -> None:
    assert [status for status, moves in TRANSITIONS.items() if Status.RUNNING in moves] == [Status.PENDING]
