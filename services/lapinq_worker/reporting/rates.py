"""Says once a minute how fast the worker works. On a terminal by default, else where it is asked for."""

import asyncio
import logging
import sys
import time

from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.settling.settler import Settler

RATES_INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


def wants_rates(settings: Settings) -> bool:
    """Whether the line is to be logged."""
    return sys.stderr.isatty() if settings.worker_rates is None else settings.worker_rates


async def log_rates(dispatcher: Dispatcher, settler: Settler, *, as_json: bool) -> None:
    """Logs the line, again and again, until cancelled. A retry is counted when an attempt ends with one to follow."""
    before, at = _counts(dispatcher, settler), time.monotonic()
    while True:
        await asyncio.sleep(RATES_INTERVAL_SECONDS)
        counts, now = _counts(dispatcher, settler), time.monotonic()
        started, completed, failed, retried = (new - old for new, old in zip(counts, before, strict=True))
        seconds = now - at
        before, at = counts, now
        rate, waiting = started / seconds, len(dispatcher.waiting)
        if as_json:
            fields = {
                "started_per_second": round(rate, 3),
                "completed": completed,
                "failed": failed,
                "retried": retried,
                "running": dispatcher.active,
                "waiting_here": waiting,
            }
            log.info("rates of the last %.3g s", seconds, extra=fields)
            continue
        log.info(
            "%.1f started/s; in the last %.3g s %d completed, %d failed, %d retried; %d running, %d waiting here",
            rate,
            seconds,
            completed,
            failed,
            retried,
            dispatcher.active,
            waiting,
        )


def _counts(dispatcher: Dispatcher, settler: Settler) -> tuple[int, int, int, int]:
    return (
        dispatcher.started_count,
        settler.completed_count,
        settler.failed_count,
        settler.retried_count,
    )
