"""Sends the latest log lines of running attempts to the people who look at them.

An attempt sends once a second while somebody looks: servers announce whose attempts they have just shown
(`lapinq_watch`), and each announcement holds for five seconds. Else it sends what it logged in its first second, and
then once in ten seconds.

An attempt that takes less than a second sends nothing this way: all that it logged is stored with its end. As with
progress, what the database does not take is dropped, and nothing waits for it.
"""

import asyncio
import logging
import time

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.runtime.failure_log import FailureLog
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import worker_verbs
from lapinq_worker.running.attempt_log import latest
from lapinq_worker.running.host import LoggingAttempt

INTERVAL_SECONDS = 1.0
UNWATCHED_SECONDS = 10.0
WATCHED_SECONDS = 5.0
MAX_WATCHED = 1_000
MAX_CHARACTERS = 8_000
"""Of the end of a log."""
MAX_BATCH = 100

log = logging.getLogger(__name__)


class LiveLogs:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._changed: dict[tuple[str, str], LoggingAttempt] = {}
        self._rests_until: dict[tuple[str, str], float] = {}  # by time.perf_counter, as the next
        self._watched_until: dict[str, float] = {}
        self._failures = FailureLog(log, "what tasks log could not be sent", is_away, level=logging.DEBUG)

    @any_thread
    def note(self, attempt: LoggingAttempt) -> None:
        """`attempt` logged a line; returns at once."""
        if attempt.id:
            self._changed[attempt.id, attempt.token] = attempt

    def heard(self, payload: str) -> None:
        """NOTIFY: ids of tasks somebody looks at, separated by spaces. An empty one means nothing."""
        now = time.perf_counter()
        for task_id in payload.split():
            if task_id in self._watched_until or len(self._watched_until) < MAX_WATCHED:
                self._watched_until[task_id] = now + WATCHED_SECONDS

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                due = self._take_due()
                for start in range(0, len(due), MAX_BATCH):
                    async with self._pool.connection() as conn:
                        await worker_verbs.report_logs(conn, due[start : start + MAX_BATCH])
            except Exception as error:  # noqa: BLE001  # a loop's turn: the next lines come anyway
                self._failures.failed(error)

    def _take_due(self) -> list[tuple[str, str, str]]:
        """Id, token and latest lines of attempts that logged since the last turn, in ascending order of id."""
        due: list[tuple[str, str, str]] = []
        now = time.perf_counter()
        started_before = now - INTERVAL_SECONDS
        self._rests_until = {key: until for key, until in self._rests_until.items() if until > now}
        self._watched_until = {task: until for task, until in self._watched_until.items() if until > now}
        for key in list(self._changed):
            attempt = self._changed[key]
            if not attempt.is_ended and attempt.started > started_before:
                continue  # it may have ended by the next turn
            if not attempt.is_ended and key in self._rests_until and key[0] not in self._watched_until:
                continue
            del self._changed[key]
            text = None if attempt.is_ended else attempt.log_text()
            if text:
                due.append((*key, latest(text, MAX_CHARACTERS)))
                self._rests_until[key] = now + UNWATCHED_SECONDS
        return sorted(due)
