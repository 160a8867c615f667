"""Whether a queue empties or grows."""

import pytest

from lapinq_core.domain.forecast import Forecast, Look, forecast

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
