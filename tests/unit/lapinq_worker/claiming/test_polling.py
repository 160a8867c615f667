"""How often the workers of a fleet look again, together."""

from dataclasses import dataclass

import pytest

from lapinq_core.fleet.workers import Place
from lapinq_worker.claiming.polling import MAX_FLEET_REST_SECONDS, Polling

INTERVAL = 0.1


@dataclass
class InFleet:
    place: Place
    id: str = ""
    is_quiet: bool = False
    watched: frozenset[str] = frozenset()


def polling(peers: int) -> Polling:
    return Polling(INTERVAL, InFleet(Place(0, peers, peers)))


@pytest.mark.parametrize(
    ("peers", "idle", "before_place"),
    [
        (1, 10 * INTERVAL, INTERVAL),
        (5, 10 * INTERVAL, 5 * INTERVAL),
        (40, 40 * INTERVAL, 40 * INTERVAL),
        (1000, MAX_FLEET_REST_SECONDS, MAX_FLEET_REST_SECONDS),
    ],
)
def test_peers_rest_as_long_as_they_are_many_and_before_a_place_no_longer(
    peers: int, idle: float, before_place: float
) -> None:
    for _ in range(20):
        rests = polling(peers)
        assert 0.75 * idle <= rests.rest <= 1.25 * idle
        assert max(INTERVAL, 0.75 * before_place) <= rests.rest_before_place <= 1.25 * before_place


def test_a_rest_ends_when_a_rate_lets_the_next_task_start() -> None:
    rests = polling(40)
    rests.opens_in(INTERVAL)
    rests.poll_in(rests.rest_before_place)
    assert rests.due_in <= INTERVAL
    rests.turn_begins()
    rests.poll_in(rests.rest_before_place)
    assert rests.due_in > INTERVAL
