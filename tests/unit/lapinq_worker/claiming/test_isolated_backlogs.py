"""How long a queue rests whose tasks must run alone."""

from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.isolated_backlogs import IsolatedBacklogs


def test_a_queue_rests_longer_the_more_the_claim_cost() -> None:
    backlogs = IsolatedBacklogs()
    backlogs.walked(["a", "b"], 600.0)
    backlogs.walked(["c"], 0.0)
    assert backlogs.resting == {"a", "b"}
    backlogs.walked(["a"], 0.0)
    assert backlogs.resting == {"b"}


def test_of_a_queue_that_rests_no_more_is_claimed_than_can_run_alone() -> None:
    backlogs = IsolatedBacklogs()
    backlogs.walked(["a"], 600.0)
    assert backlogs.bounded([Ask("a", 50), Ask("b", 50)], 2) == [Ask("a", 2), Ask("b", 50)]
    assert backlogs.bounded([Ask("a", 1)], 2) == [Ask("a", 1)]
