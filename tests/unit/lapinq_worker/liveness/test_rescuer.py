"""How rarely a worker of a fleet sweeps."""

from collections.abc import Callable

import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.fleet.workers import Place
from lapinq_worker.liveness.rescuer import MAX_LATER_SHARE, MAX_SHARE, Rescuer


@pytest.mark.parametrize(
    ("place", "share"),
    [
        (Place(0, 1, 1), 1.0),
        (Place(0, 1, 2), 1.0),  # one that serves other queues, or is busy
        (Place(1, 100, 100), 1.0),
        (Place(0, 10, 30), 3.0),  # three groups of peers
        (Place(0, 1, 100), MAX_SHARE),  # all of them busy
        (Place(2, 10, 10), 10.0),
        (Place(2, 100, 100), MAX_LATER_SHARE),
    ],
)
async def test_the_first_two_peers_sweep_in_each_interval_and_the_others_rarely(
    place: Place, share: float
) -> None:
    sweeps = Sweeps()
    rescuer = rescuer_at(lambda: place, sweeps)
    pauses = [await rescuer.turn(5.0) for _ in range(120)]
    assert sweeps.count == 120 / share
    spread = 0.25 if share > 1 else 0.0
    assert all(5.0 * (1 - spread) <= pause <= 5.0 * (1 + spread) for pause in pauses)


async def test_one_that_becomes_the_first_sweeps_in_its_next_turn() -> None:
    """Not after the long pause of one that was not."""
    sweeps, places = Sweeps(), iter([Place(20, 100, 100), Place(20, 100, 100), Place(0, 80, 100)])
    rescuer = rescuer_at(lambda: next(places), sweeps)
    counts: list[int] = []
    for _ in range(3):
        await rescuer.turn(5.0)
        counts.append(sweeps.count)
    assert counts == [0, 0, 1]


class Sweeps:
    """Counts them. This one may not judge others."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def rescuer_at(place: Callable[[], Place], sweeps: Sweeps) -> Rescuer:
    pool = make_pool("postgresql:///", "test", 1, timeout=1.0)  # never opened
    return Rescuer(pool, sweeps, lambda _queues: None, place=place)
