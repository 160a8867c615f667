"""Who asks, and what they may do. Pure: where people, sessions and keys are kept is `lapinq_core.people`.

An admin and the key of the settings may do everything. A user reads everything, but for the values that the settings
hide, and acts on a queue with the permission for it. A named key does what its scopes say, on every queue.
"""

from enum import StrEnum
from typing import assert_never

import msgspec


class Role(StrEnum):
    """What a person is."""

    ADMIN = "admin"
    USER = "user"


class Permission(StrEnum):
    """What a user may do on a queue. `PAYLOAD` is to see, and search, what the setting `redact` hides from others."""

    ENQUEUE = "enqueue"
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


class ActorKind(StrEnum):
    """In which way somebody is known."""

    USER = "user"
    KEY = "key"
    ANONYMOUS = "anonymous"
    COMMAND_LINE = "command line"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks for something. `id` is that of the user or the named key; `permissions` are by queue."""

    kind: ActorKind
    name: str
    id: int | None = None
    is_admin: bool = False
    permissions: dict[str, frozenset[Permission]] = {}
    scopes: frozenset[Scope] = frozenset()

    def may_read(self) -> bool:
        """Whether they may look at tasks and queues."""
        match self.kind:
            case ActorKind.KEY:
                return self.is_admin or Scope.READ in self.scopes
            case ActorKind.USER | ActorKind.ANONYMOUS | ActorKind.COMMAND_LINE:
                return True
            case _:
                assert_never(self.kind)

    def may(self, permission: Permission, queue: str | None) -> bool:
        """Whether they may act so on `queue`; None is all queues at once."""
        if self.is_admin:
            return True
        match self.kind:
            case ActorKind.KEY:
                return not self.scopes.isdisjoint(scopes_for(permission))
            case ActorKind.USER:
                return queue is not None and permission in self.permissions.get(queue, frozenset())
            case ActorKind.ANONYMOUS:
                # An open API is open, but for the deletion of many tasks at once, which has always wanted a key.
                return permission is not Permission.DELETE
            case ActorKind.COMMAND_LINE:
                return True
            case _:
                assert_never(self.kind)


def scopes_for(permission: Permission) -> tuple[Scope, ...]:
    """The scopes of which a named key needs one where a user needs `permission`."""
    match permission:
        case Permission.ENQUEUE:
            return (Scope.ENQUEUE,)
        case Permission.PAYLOAD:
            # A program that enqueues waits for results too: it would take for the value what stands in its place.
            return (Scope.ENQUEUE, Scope.MANAGE)
        case Permission.CANCEL | Permission.REQUEUE | Permission.DELETE | Permission.PAUSE:
            return (Scope.MANAGE,)
        case _:
            assert_never(permission)


MASTER_KEY = Actor(kind=ActorKind.KEY, name="LAPINQ_API_KEY", is_admin=True)
"""Whoever sends the one key of the settings."""

ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS, name="anonymous")
"""Anybody, where the API is open."""
