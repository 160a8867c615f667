"""How rarely a worker of a fleet sweeps."""

import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.fleet.workers import Place
from lapinq_worker.liveness.rescuer import MAX_LATER_SHARE, MAX_SHARE, Rescuer


@pytest.mark.parametrize(
    ("place", "share"),
    [
        (Place(0, 1, 1), 1.0),
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
    pool = make_pool("postgresql:///", "test", 1, timeout=1.0)  # never opened: this one may not judge
    rescuer = Rescuer(pool, lambda: None, lambda _queues: None, place=lambda: place)
    pauses = [await rescuer.turn(5.0) for _ in range(20)]
    spread = 0.25 if share > 1 else 0.0
    assert all(5.0 * share * (1 - spread) <= pause <= 5.0 * share * (1 + spread) for pause in pauses)
