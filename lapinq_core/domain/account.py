"""Who asks, and what they may do. Pure: where people, sessions and keys are kept is `lapinq_core.store`.

An admin and the key of the settings may do everything. A user reads everything, and acts on a queue with the permission
for it. A named key does what its scopes say, on every queue.
"""

from enum import StrEnum
from typing import assert_never

import msgspec


class Role(StrEnum):
    """What a person is."""

    ADMIN = "admin"
    USER = "user"


class Permission(StrEnum):
    """What a user may do on a queue."""

    ENQUEUE = "enqueue"
    CANCEL = "cancel"
    REQUEUE = "requeue"
    DELETE = "delete"
    PAUSE = "pause"


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
                return scope_for(permission) in self.scopes
            case ActorKind.USER:
                return queue is not None and permission in self.permissions.get(queue, frozenset())
            case ActorKind.ANONYMOUS:
                # An open API is open, but for the deletion of many tasks at once, which has always wanted a key.
                return permission is not Permission.DELETE
            case ActorKind.COMMAND_LINE:
                return True
            case _:
                assert_never(self.kind)


def scope_for(permission: Permission) -> Scope:
    """The scope that a named key needs where a user needs `permission`."""
    return Scope.ENQUEUE if permission is Permission.ENQUEUE else Scope.MANAGE


MASTER_KEY = Actor(kind=ActorKind.KEY, name="LAPINQ_API_KEY", is_admin=True)
"""Whoever sends the one key of the settings."""

ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS, name="anonymous")
"""Anybody, where the API is open."""
