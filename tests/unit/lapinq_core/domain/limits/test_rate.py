"""How a rate is read, and shown so that it can be read again."""

import pytest

from lapinq_core.domain.limits.rate import checked_rate, rate_parts


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("60/60", "60/m"),
        ("60/1m/60", "60/m"),
        ("1/1/3", "1/s/3"),
        ("100/30", "100/30s"),
        ("7/90", "7/1m30s"),
        ("5/1.5", "5/1.5"),
        ("0.5/h", "0.5/h"),
        ("90000/m/10000", "90000/m/10000"),
    ],
)
def test_a_rate_is_shown_as_it_may_be_given(given: str, shown: str) -> None:
    rate = checked_rate("rate", *rate_parts(given))
    assert str(rate) == shown
    assert checked_rate("rate", *rate_parts(shown)) == rate
