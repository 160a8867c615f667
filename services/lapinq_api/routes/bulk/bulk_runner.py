"""Works on bulk actions: takes the one that waits longest, walks on for some seconds, gives it back, and looks again.

Every server does. So a server that is stopped or killed leaves its action to the others, or to the next one that starts
(`lapinq_core.tasks.bulk_actions`). An action ends with an error when the user who started it may no longer do this.
"""

import asyncio
import logging

import msgspec
import psycopg

from lapinq_api.operations.filters.task import FILTERS, STATUS, read_filter
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.routes.bulk.bulk_kinds import KINDS
from lapinq_api.routes.bulk.walk import Walker
from lapinq_api.state import State
from lapinq_api.wire.errors import Busy, Refused
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.people import actors
from lapinq_core.runtime.loops import Loop
from lapinq_core.tasks import bulk_actions
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.bulk_actions import Overtaken, Taken

POLL_SECONDS = 5.0
TURN_SECONDS = 2.0
"""How long an action goes on before others have their turn."""
RECHECK_SECONDS = 1.0
"""How long a permission counts as checked."""

log = logging.getLogger(__name__)


class _TurnOver(LapinqError):
    """Others have their turn."""


class _NotAllowed(LapinqError):
    """The user who started the action may no longer do this."""


def bulk_loop(state: State) -> Loop:
    """The loop of an application whose lifespan has begun."""
    return Loop(
        "bulk actions",
        lambda: _turn(state),
        until=state.stopping,
        wake=state.bulk_started,
        expected=lambda error: isinstance(error, (Busy, DatabaseUnavailable)),
    )


async def _turn(state: State) -> float:
    database = state.database
    if state.settings.read_only or not database.is_ready or database.gate.is_shut:
        return POLL_SECONDS
    taken = await database.run(bulk_actions.take)
    if taken is None:
        return POLL_SECONDS
    CALLER.set((taken.by.actor_kind, taken.by.actor_id))
    try:
        await _walk_on(state, taken)
    except (Busy, DatabaseUnavailable):
        await database.run(bulk_actions.give_back, taken)
        raise
    except (_TurnOver, Overtaken, Refused):  # refused: the server stops
        await database.run(bulk_actions.give_back, taken)
    except LapinqError as error:
        await database.run(bulk_actions.end, taken, str(error))
    except Exception:  # it would fail again at each turn
        log.exception("bulk action %s failed", taken.id)
        await database.run(bulk_actions.end, taken, "an error in the server, which its log tells")
    else:
        await database.run(bulk_actions.end, taken)
    state.on_act()
    return 0.0


async def _walk_on(state: State, taken: Taken) -> None:
    kind = KINDS[taken.verb]
    for name in taken.filters.keys() - _KNOWN:
        # Another release started it. Without the filter it would change other tasks, too.
        raise InvalidValue(name, "is not known to this release")
    asked = msgspec.structs.replace(read_filter(taken.filters), named_arguments=taken.named_arguments)
    walk = Walk(kind.limit(asked, "status"), taken.started, taken.until)

    check = _Check(state, taken)

    async def act(conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, _: int | None) -> Step | None:
        step = await bulk_actions.advance(conn, taken, kind.change, walk, batch)
        check.has_moved |= step is not None
        return step

    await Walker(state, act, check).run(walk, taken.reached, taken.remaining)


class _Check:
    """Before a step: whether the turn goes on, and whether the user who started the action still may.

    A turn has at least one step, which may take several tries: the next turn would begin with as large a one again.
    """

    def __init__(self, state: State, taken: Taken) -> None:
        self._state = state
        self._taken = taken
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + TURN_SECONDS
        self._next_at = 0.0
        self.has_moved = False

    async def __call__(self) -> None:
        now, taken = self._clock(), self._taken
        if self.has_moved and now >= self._ends_at:
            raise _TurnOver
        if now < self._next_at:
            return
        actor = await self._state.database.run(actors.find, taken.by)
        permission = KINDS[taken.verb].permission
        if actor is None or not all(actor.may(permission, queue) for queue in taken.queues or [None]):
            raise _NotAllowed(f"{taken.by.actor} may no longer {permission} there")
        self._next_at = now + RECHECK_SECONDS


_KNOWN = frozenset(one.name for one in (*FILTERS, STATUS))
