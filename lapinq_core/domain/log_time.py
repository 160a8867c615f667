"""The time of a log line: ISO 8601 in UTC, to the millisecond."""

from datetime import UTC, datetime
from functools import lru_cache


def log_time(at: float) -> str:
    """The time `at`, in seconds since 1970, as `2026-11-27T11:13:30.123Z`."""
    return _text(int(at * 1000))


@lru_cache(maxsize=1)  # of a busy worker, many lines belong to the same millisecond
def _text(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(second)}.{rest:03}Z"


@lru_cache(maxsize=1)
def _to_the_second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
