"""The times of an expression, one after the other."""

from collections.abc import Iterator
from datetime import datetime

from lapinq_core.domain.cron.expression import Cron


def walk(rule: Cron, start: datetime) -> Iterator[datetime]:
    """Those after `start`, without end if the expression has none."""
    tick = rule.after(start)
    while tick is not None:
        yield tick
        tick = rule.after(tick)
