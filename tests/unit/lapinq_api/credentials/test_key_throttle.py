"""Wrong keys over time, by address, in bounded memory."""

import pytest

from lapinq_api.credentials import key_throttle
from lapinq_api.credentials.key_throttle import (
    KNOWN_SECONDS,
    MAX_CHECKED_KEYS,
    MAX_WRONG_KEYS,
    WINDOW_SECONDS,
    KeyThrottle,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_count_ends_with_the_minute_that_began_with_the_first(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = KeyThrottle(clock)
    waits = [kept.record_wrong("one") for _ in range(MAX_WRONG_KEYS + 1)]
    assert waits == [None] * MAX_WRONG_KEYS + [WINDOW_SECONDS]
    kept.record_wrong("one")
    assert caplog.messages == [f"one sends more than {MAX_WRONG_KEYS} wrong API keys a minute"]
    assert kept.record_wrong("other") is None
    clock.now += 20
    assert kept.record_wrong("one") == WINDOW_SECONDS - 20
    clock.now += WINDOW_SECONDS - 20
    assert kept.record_wrong("one") is None


def test_where_a_key_was_right_all_are_looked_at() -> None:
    clock = Clock()
    kept = KeyThrottle(clock)
    for address in ("known", "stranger"):
        for _ in range(MAX_CHECKED_KEYS):
            kept.record_wrong(address)
    kept.record_valid("known")
    assert (kept.blocked("known"), kept.blocked("stranger")) == (None, WINDOW_SECONDS)
    clock.now += WINDOW_SECONDS
    assert kept.blocked("stranger") is None
    for _ in range(MAX_CHECKED_KEYS):
        kept.record_wrong("known")
    assert kept.blocked("known") is None
    clock.now += KNOWN_SECONDS
    for _ in range(MAX_CHECKED_KEYS):
        kept.record_wrong("known")
    assert kept.blocked("known") is not None


def test_memory_is_bounded_and_addresses_beyond_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_throttle, "MAX_ADDRESSES", 100)
    clock = Clock()
    kept = KeyThrottle(clock)
    for number in range(1000):
        kept.record_wrong(f"address {number}")
        kept.record_valid(f"address {number}")
    assert kept.size <= 2 * (100 + 1)
    assert kept.record_wrong("one more") is not None
    assert kept.record_wrong("address 1") is None
    clock.now += WINDOW_SECONDS
    assert kept.record_wrong("one more") is None
