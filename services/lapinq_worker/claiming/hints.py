"""What the fetcher was told of since its last turn: hints that queues got work, and slots that are free."""

import asyncio
import math
from typing import NamedTuple

from lapinq_core.db.notify import ready_notices
from lapinq_worker.claiming.answering import pause_before_answer
from lapinq_worker.claiming.member import Member
from lapinq_worker.claiming.queue_choice import QueueChoice


class Told(NamedTuple):
    """Why a turn begins.

    `expected` is how many tasks its hints told of; inf: nobody knows. A `is_backup` turn only follows hints that other
    workers answer, too.
    """

    has_hints: bool
    expected: float
    is_backup: bool


class Hints:
    """Wakes the fetcher. By the place of the worker in the fleet it answers a notice immediately, later or not at all
    (`answering`)."""

    def __init__(self, choice: QueueChoice, member: Member) -> None:
        self.wake = asyncio.Event()
        self._choice = choice
        self._member = member
        self._expected = 0.0
        self._looks_everywhere = False
        self._is_backup = False
        self._answer_later: asyncio.TimerHandle | None = None

    def heard(self, payload: str) -> None:
        """NOTIFY: a queue got work (`ready_notices`); "" says that anything may have changed."""
        if not payload:
            self._answer(math.inf)
            return
        notice = ready_notices.read(payload)
        pause = pause_before_answer(notice, self._member.place)
        if pause is None or not self._choice.heard(notice.queue):
            return
        if pause == 0.0:
            self._answer(notice.count if notice.is_counted else math.inf)
        elif self._answer_later is None:
            self._answer_later = asyncio.get_running_loop().call_later(pause, self._answer_as_backup)

    def look_everywhere(self) -> None:
        """There may be a slot to fill: the next turn begins now, whatever the hints told of."""
        self._is_backup = False
        self._looks_everywhere = True
        self.wake.set()

    def take(self, *, is_early: bool) -> Told:
        """Begins a turn, which `is_early` if it comes before the next poll."""
        has_hints = self._expected > 0
        is_counted = has_hints and is_early and not self._looks_everywhere
        told = Told(has_hints, self._expected if is_counted else math.inf, self._is_backup and is_early)
        self._expected = 0.0
        self._looks_everywhere = self._is_backup = False
        return told

    def _answer(self, count: float) -> None:
        self._is_backup = False
        self._expected += count
        self.wake.set()

    def _answer_as_backup(self) -> None:
        self._answer_later = None
        if not self.wake.is_set():
            self._is_backup = True
            self.wake.set()
