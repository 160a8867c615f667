"""The time of a log line: ISO 8601 in UTC, to the millisecond."""

import logging
from datetime import UTC, datetime
from functools import lru_cache


def log_time(record: logging.LogRecord) -> str:
    """When `record` was made, as `2026-11-27T11:13:30.123Z`."""
    return f"{_to_the_second(int(record.created))}.{int(record.msecs):03}Z"


@lru_cache(maxsize=1)  # many lines belong to the same second
def _to_the_second(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%S")
