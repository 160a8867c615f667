"""Whether a queue empties or grows, and what more workers would change."""

from typing import Any

import pytest

from lapinq_core.domain.forecast import Cap, Fleet, Forecast, Look, Outlook, forecast, with_more_workers

NOTHING = Forecast()
GROWING = Forecast(is_growing=True)


@pytest.mark.parametrize(
    ("ready", "looks", "expected"),
    [
        pytest.param(0, [(60, 100)], NOTHING, id="it is empty"),
        pytest.param(100, [], NOTHING, id="nobody looked before"),
        pytest.param(100, [(44, 900)], NOTHING, id="the last look was a moment ago"),
        pytest.param(600, [(60, 700)], Forecast(360.0), id="a hundred a minute"),
        pytest.param(600, [(60, 700), (120, 900)], Forecast(240.0), id="as long as it fell"),
        pytest.param(600, [(60, 700), (120, 650)], Forecast(360.0), id="it began to fall a minute ago"),
        pytest.param(600, [(5, 650), (60, 700)], Forecast(360.0), id="the last look was too close"),
        pytest.param(600, [(60, 600)], NOTHING, id="it stands still"),
        pytest.param(1_000_000, [(60, 1_000_001)], NOTHING, id="it would take years"),
        pytest.param(900, [(60, 700)], NOTHING, id="it grew once"),
        pytest.param(900, [(60, 700), (120, 800)], NOTHING, id="it wavers"),
        pytest.param(900, [(60, 700), (120, 600)], GROWING, id="it grew twice"),
        pytest.param(50, [(60, 30), (120, 10)], NOTHING, id="few tasks"),
        pytest.param(51, [(60, 30), (120, 10)], GROWING, id="no longer few"),
        pytest.param(1000, [(60, 990), (120, 960)], NOTHING, id="hardly any more"),
    ],
)
def test_it_follows_from_the_last_looks(
    ready: int, looks: list[tuple[float, int]], expected: Forecast
) -> None:
    assert forecast(ready, [Look(*look) for look in looks]) == expected


BUSY = Fleet(workers=2, slots=8, running=8, started=4.0, enqueued=3.0)


@pytest.mark.parametrize(
    ("today", "fleet", "policy", "expected"),
    [
        # 600 tasks fall by one a second; twice the workers start four more.
        pytest.param(Forecast(600), BUSY, {}, Outlook(120), id="they get through more"),
        pytest.param(Forecast(600), BUSY._replace(workers=4), {}, Outlook(200), id="in proportion"),
        pytest.param(GROWING, BUSY._replace(enqueued=6.0), {}, Outlook(300), id="it would not grow"),
        pytest.param(GROWING, BUSY._replace(enqueued=9.0), {}, Outlook(), id="it would still grow"),
        pytest.param(NOTHING, BUSY, {}, Outlook(), id="nobody can tell"),
        pytest.param(Forecast(600), BUSY._replace(running=3), {}, Outlook(), id="they are not busy"),
        pytest.param(Forecast(600), BUSY._replace(workers=0), {}, Outlook(), id="there are none"),
        pytest.param(
            Forecast(600), BUSY, {"max_running": 8}, Outlook(cap=Cap.MAX_RUNNING), id="no place is left"
        ),
        pytest.param(Forecast(600), BUSY, {"max_running": 12}, Outlook(200), id="some places are left"),
        pytest.param(Forecast(600), BUSY, {"rate": 4.2}, Outlook(cap=Cap.RATE), id="the rate is used"),
        pytest.param(Forecast(600), BUSY, {"rate": 6.0}, Outlook(200), id="the rate is soon used"),
        pytest.param(Forecast(10), BUSY._replace(workers=100), {}, Outlook(), id="it makes no difference"),
    ],
)
def test_more_workers_change_what_the_policy_lets_them(
    today: Forecast, fleet: Fleet, policy: dict[str, Any], expected: Outlook
) -> None:
    assert with_more_workers(2, 600, today, fleet, **policy) == expected
