"""Numbers in few characters."""

import pytest

from lapinq.commands.top.quantities import count, duration, memory, rate, share


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "?"), (0, "0"), (9999, "9999"), (12_345, "12.3k"), (999_600, "1M"), (1_234_567, "1.23M")],
)
def test_a_count(number: int | None, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((None, "?"), (0.0, "0"), (0.001, "0.001"), (0.017, "0.017"), (0.42, "0.42"), (1.0, "1")),
        *((12.34, "12.3"), (999.7, "1k"), (1234.0, "1.23k"), (54_321.0, "54.3k")),
    ],
)
def test_a_rate(number: float | None, text: str) -> None:
    assert rate(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((None, ""), (0.0, "0ms"), (0.0004, "0.4ms"), (0.0042, "4.2ms"), (0.81, "810ms"), (0.9999, "1s")),
        *((1.9, "1.9s"), (59.98, "1m00s"), (75.2, "1m15s"), (3700.0, "1h01m"), (100_000.0, "1d03h")),
    ],
)
def test_a_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_memory_and_shares() -> None:
    assert [memory(size) for size in (None, 183_500_800, 3 * 2**30)] == ["", "175MiB", "3.0GiB"]
    assert [share(part) for part in (None, 0.0, 0.0176, 0.5, 1.0)] == ["", "0%", "1.8%", "50%", "100%"]
