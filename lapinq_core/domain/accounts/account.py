"""Who makes a request, and what they may do. Pure: `lapinq_core.people` stores people, sessions and keys.

An admin and the key from the settings may do everything. A user reads every queue, or those that they are limited to,
except values that the settings hide, and acts on a queue with the permission for it. A named key does what its scopes
allow, on every queue or on those that it is limited to.
"""

from enum import StrEnum
from typing import assert_never

import msgspec


class Role(StrEnum):
    """A user's role."""

    ADMIN = "admin"
    USER = "user"


class Permission(StrEnum):
    """What a user may do on a queue. `DECIDE` lets them answer what its tasks ask, and send them signals; `PAYLOAD` see
    and search what the setting `redact` hides."""

    ENQUEUE = "enqueue"
    DECIDE = "decide"
    CANCEL = "cancel"
    REQUEUE = "requeue"
    DELETE = "delete"
    PAUSE = "pause"
    PAYLOAD = "payload"


class Scope(StrEnum):
    """What a named key may do."""

    ENQUEUE = "enqueue"
    READ = "read"
    MANAGE = "manage"
    SCHEDULE = "schedule"


Scopes = tuple[Scope, ...]


class ActorKind(StrEnum):
    """How the caller was identified."""

    USER = "user"
    KEY = "key"
    ANONYMOUS = "anonymous"
    COMMAND_LINE = "command line"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The caller. `id` is the user's or the named key's; `permissions` are by queue.

    `queues` are those that a user may read, or that a named key is limited to; None for all.
    """

    kind: ActorKind
    name: str
    id: int | None = None
    is_admin: bool = False
    permissions: dict[str, frozenset[Permission]] = {}
    scopes: frozenset[Scope] = frozenset()
    queues: frozenset[str] | None = None

    @property
    def depends_on_queue(self) -> bool:
        """Whether what they may do is not the same on every queue."""
        return self.queues is not None or (self.kind is ActorKind.USER and not self.is_admin)

    @property
    def any_queue(self) -> str | None:
        """A queue that they may read, and on which a key may do all that its scopes allow; None is all queues."""
        return None if self.queues is None else min(self.queues, default=None)

    def covers(self, queue: str | None) -> bool:
        """Whether `queue` is not beyond what they are limited to; None is all queues."""
        return self.queues is None or queue in self.queues

    def may_read(self, queue: str | None) -> bool:
        """Whether they may read tasks of `queue`; None is all queues, and what belongs to none."""
        has_scope = self.kind is not ActorKind.KEY or self.is_admin or Scope.READ in self.scopes
        return has_scope and self.covers(queue)

    def may(self, permission: Permission, queue: str | None, scopes: Scopes | None = None) -> bool:
        """Whether they have the permission on `queue`; None means on all queues.

        A named key needs one of `scopes` instead, by default those that stand for the permission.
        """
        if self.is_admin:
            return True
        match self.kind:
            case ActorKind.KEY:
                return self.covers(queue) and not self.scopes.isdisjoint(scopes or scopes_for(permission))
            case ActorKind.USER:
                held = frozenset[Permission]() if queue is None else self.permissions.get(queue, frozenset())
                # Until the next release, `enqueue` includes `decide`: doctor tells who has it only so.
                return permission in held or (permission is Permission.DECIDE and Permission.ENQUEUE in held)
            case ActorKind.ANONYMOUS:
                # An open API is open, but for the deletion of many tasks at once, which has always wanted a key.
                return permission is not Permission.DELETE
            case ActorKind.COMMAND_LINE:
                return True
            case _:
                assert_never(self.kind)


def scopes_for(permission: Permission) -> Scopes:
    """The scopes that stand for `permission`; a named key needs one of them."""
    match permission:
        case Permission.ENQUEUE | Permission.DECIDE:
            return (Scope.ENQUEUE,)
        case Permission.PAYLOAD:
            # A program that enqueues waits for results too: it would take for the value what stands in its place.
            # One that keeps schedules compares them with what they should be.
            return (Scope.ENQUEUE, Scope.MANAGE, Scope.SCHEDULE)
        case Permission.CANCEL | Permission.REQUEUE | Permission.DELETE | Permission.PAUSE:
            return (Scope.MANAGE,)
        case _:
            assert_never(permission)


SCHEDULING = (Scope.SCHEDULE,)
"""The scopes for what people do with the permission `enqueue` on a schedule: each of its ticks enqueues a task."""
PAUSING_SCHEDULES = (Scope.MANAGE, Scope.SCHEDULE)
"""The scopes for what people do with the permission `pause` on a schedule."""

MASTER_KEY = Actor(kind=ActorKind.KEY, name="LAPINQ_API_KEY", is_admin=True)
"""The caller that sends the key from the settings."""

ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS, name="anonymous")
"""Any caller, if the API is open."""
