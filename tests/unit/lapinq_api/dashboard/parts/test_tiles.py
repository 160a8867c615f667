"""By how much a number changed since the time before."""

import pytest

from lapinq_api.dashboard.parts.tiles import Tile, Unit


@pytest.mark.parametrize(
    ("unit", "value", "before", "change"),
    [
        ("count", 12, 10, 2),
        ("count", None, 10, None),
        ("count", 10, None, None),
        ("count", 10, 10, 0),
        ("rate", 15.0, 10.0, 0.5),
        ("rate", 15.0, 0.0, None),
        ("rate", 10.15, 10.0, 0),
        ("share", 0.02, 0.05, -0.03),
        ("share", 0.0, 0.0004, 0),
        ("seconds", 1.0, 4.0, -0.75),
        ("seconds", 4.3, 4.0, 0),
    ],
)
def test_counts_and_shares_change_by_a_number_and_rates_by_a_share(
    unit: Unit, value: float | None, before: float | None, change: float | None
) -> None:
    tile = Tile(name="one", unit=unit, value=value, before=before, line=())
    assert tile.change == (None if change is None else pytest.approx(change))
