"""Bounds how much callers hold at the same time, so that a quiet one gets in beside a flood.

One rule for all that is bounded: what a caller holds must stay in proportion to what is free. With a share of 90 % they
may hold nine times what they leave free. So one caller alone may hold 90 % of all, two hold 47 % each, ten 9.9 % each,
and a caller who holds nothing gets in as long as anything is free. Nothing is set aside for callers who don't come.
(Switches divide memory among their ports like this: Choudhury and Hahne, "Dynamic queue length thresholds", 1998.)
"""

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from lapinq_api.wire.errors import Busy, OverShare
from lapinq_core.domain.accounts.account import ActorKind

Caller = str | tuple[ActorKind, int | None]
"""An address, or a user or key."""

SERVER: Caller = "the server"
"""Work for several callers at once. No share limits it."""

CALLER: ContextVar[Caller] = ContextVar("caller", default=SERVER)
"""For whom the current task works. Authentication sets it; a task that works for several callers resets it."""


class FairShare:
    """At most `limit` of `what` at the same time. `setting` names what sets the limit, for error messages.

    A caller who holds nothing may take more than is free, once: a single response may exceed the limit. Used by one
    event loop.
    """

    def __init__(self, limit: int, what: str, share: float, setting: str = "") -> None:
        self._limit = limit
        self._what = what
        self._share = share
        self._setting = f" ({setting})" if setting else ""
        self._held_by: dict[Caller, int] = {}
        self.held = 0

    def held_by(self, caller: Caller) -> int:
        """What `caller` holds. What `SERVER` holds counts in `held` alone."""
        return self._held_by.get(caller, 0)

    def is_open_to(self, caller: Caller, size: int = 1) -> bool:
        """Whether `caller` may take that much now."""
        free = self._limit - self.held
        mine = self._held_by.get(caller, 0)
        if not mine:
            return free > 0
        return (mine + size) * (1 - self._share) <= (free - size) * self._share

    def take(self, caller: Caller, size: int = 1) -> None:
        """Raises `Busy` if too little is free, `OverShare` if `caller` holds their share."""
        if not self.is_open_to(caller, size):
            raise self.refusal(caller, size)
        self.add(caller, size)

    def add(self, caller: Caller, size: int = 1) -> None:
        """Takes it without asking."""
        self.held += size
        if caller is not SERVER:
            self._held_by[caller] = self._held_by.get(caller, 0) + size

    def leave(self, caller: Caller, size: int = 1) -> None:
        """Gives back what was taken."""
        self.held -= size
        if caller is SERVER:
            return
        left = self._held_by[caller] - size
        if left:
            self._held_by[caller] = left
        else:
            del self._held_by[caller]

    @contextmanager
    def hold(self, caller: Caller) -> Generator[None]:
        """A context that counts as one. Raises as `take` does."""
        self.take(caller)
        try:
            yield
        finally:
            self.leave(caller)

    def refusal(self, caller: Caller, size: int = 1) -> Busy:
        """The error for `caller`, who may not take that much."""
        if self._held_by.get(caller) and self._limit - self.held >= size:
            return OverShare(
                f"too many {self._what} for one caller: LAPINQ_CALLER_SHARE keeps the rest for others"
            )
        return self.full()

    def full(self) -> Busy:
        """The error for anybody."""
        return Busy(f"too many {self._what}{self._setting}")


class FairLine:
    """At most `limit` calls run at the same time, and up to `max_waiting` more wait. Each is shared fairly.

    The next turn goes to the caller with the fewest running calls; among equals, to who has waited longest since their
    last turn. A call waits only while it may not run.
    """

    def __init__(self, limit: int, max_waiting: int, what: str, share: float, setting: str = "") -> None:
        self._running = FairShare(limit, what, share, setting)
        self._waiting = FairShare(max_waiting, what, share, setting)
        self._turns: dict[Caller, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        return self._waiting.held

    async def take(self, caller: Caller, seconds: float) -> None:
        """Returns when it is this call's turn. Raises `Busy` after `seconds`, or immediately if too many wait."""
        if caller not in self._turns and self._running.is_open_to(caller):
            self._running.take(caller)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._waiting.hold(caller):
            self._turns.setdefault(caller, deque()).append(turn)
            try:
                await asyncio.wait((turn,), timeout=seconds)
            except asyncio.CancelledError:
                if turn.done():  # it came at the same moment
                    self.leave(caller)
                else:
                    self._drop(caller, turn)
                raise
            if not turn.done():
                self._drop(caller, turn)
                raise self._running.full()

    def leave(self, caller: Caller) -> None:
        """Ends a call whose turn it was, and gives the next ones their turns."""
        self._running.leave(caller)
        while self._turns:
            following = self._first_in_turn()
            if not self._running.is_open_to(following):
                break  # nor to callers with more
            self._running.take(following)
            turns = self._turns.pop(following)
            turns.popleft().set_result(None)
            if turns:
                self._turns[following] = turns  # behind the others

    def _first_in_turn(self) -> Caller:
        """The waiting caller with the fewest running calls, who comes first."""
        first = next(iter(self._turns))
        for caller in self._turns:
            if self._running.held_by(caller) < self._running.held_by(first):
                first = caller
            if not self._running.held_by(first):
                break
        return first

    def _drop(self, caller: Caller, turn: asyncio.Future[None]) -> None:
        turns = self._turns[caller]
        turns.remove(turn)
        if not turns:
            del self._turns[caller]
