"""How long a queue rests whose tasks must run alone."""

from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.isolated_backlogs import IsolatedBacklogs


def test_a_queue_rests_longer_the_more_the_claim_cost_and_meanwhile_less_of_it_is_claimed() -> None:
    backlogs = IsolatedBacklogs()
    backlogs.walked(["a", "b"], 600.0)
    backlogs.walked(["c"], 0.0)
    assert backlogs.resting == {"a", "b"}
    # Of one that rests no more than can run alone.
    assert backlogs.bounded([Ask("a", 50), Ask("c", 50)], 2) == [Ask("a", 2), Ask("c", 50)]
    assert backlogs.bounded([Ask("a", 1)], 2) == [Ask("a", 1)]
    backlogs.walked(["a"], 0.0)
    assert backlogs.resting == {"b"}
