"""Who sent a request, as the middleware `authentication` determined, and what they may do."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from lapinq_api.overload.fair_share import CALLER
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_api.wire.sources import source_of
from lapinq_core.domain.accounts.account import Actor, ActorKind, Permission, Scopes, scopes_for
from lapinq_core.domain.queue_filter import QueueFilter, Readable, narrowed
from lapinq_core.people.audit import Author, Entry

T = TypeVar("T")
Filter = TypeVar("Filter", bound=QueueFilter)

ACTOR_KEY = "lapinq.actor"
RIGHTS_KEY = "lapinq.rights"
READ_KEY = "lapinq.read"
"""Set once `require_read` let the sender of a request read."""
_ON_AN_OPEN_API = (
    "this needs a valid X-API-Key header or a session, although the API is open: `lapinq key create` on the database of"
    " the server makes a key"
)
_FOR_ALL_QUEUES = "see this: it concerns all queues, and only those who may read all of them may see it"
RECHECK_SECONDS = 1.0
"""How long a permission counts as checked before a long request checks it again."""


class Rights(msgspec.Struct):
    """How to authenticate the sender again, when that was last done, and the permission checks so far."""

    authenticate: Callable[[Scope], Awaitable[Actor]]
    since: float = msgspec.field(default_factory=time.monotonic)
    checks: list[Callable[[Request], object]] = msgspec.field(
        default_factory=list[Callable[[Request], object]]
    )


def actor_of(request: Request) -> Actor:
    """The sender of the request. Raises `Refused` (401) without one."""
    actor: Actor | None = request.scope.get(ACTOR_KEY)
    if actor is None:
        raise unauthenticated()
    return actor


def work_for_address(scope: Scope) -> None:
    """From now on the current task works for the client's address: nobody knows yet who is there."""
    client = scope.get("client")
    CALLER.set(source_of(client[0]) if client else "")


def work_for(actor: Actor) -> None:
    """From now on the current task works for `actor`. Strangers stay apart by address."""
    if actor.kind is not ActorKind.ANONYMOUS:
        CALLER.set((actor.kind, actor.id))


def require(
    request: Request, permission: Permission, queue: str | None, scopes: Scopes | None = None
) -> Actor:
    """The sender, if they have `permission` on `queue`; None is all queues. Raises `Refused` (401, 403).

    `scopes` are for keys, if they are not those that stand for the permission.
    """
    return check(request, lambda sent: _permitted(actor_of(sent), permission, queue, scopes))


def refuse_early(request: Request, permission: Permission, scopes: Scopes | None = None) -> None:
    """Raises `Refused` (401, 403) for callers without the permission on any queue, before anything is read.

    Except for users, whose permissions differ from queue to queue.
    """
    actor = actor_of(request)
    if actor.kind is not ActorKind.USER or actor.is_admin:
        require(request, permission, actor.any_queue, scopes)


def require_read(request: Request, queue: str | None) -> None:
    """Raises `Refused` (401, 403) for callers who may not read tasks of `queue`; None is all queues."""
    check(request, lambda sent: refuse_reading(actor_of(sent), queue))
    request.scope[READ_KEY] = True


def require_sight(request: Request, queue: str, unknown: Exception) -> None:
    """Raises `unknown` if `queue` is beyond what the sender is limited to: to them, what is in it does not exist."""

    def see(sent: Request) -> None:
        if not actor_of(sent).covers(queue):
            raise unknown

    check(request, see)


def readable_queues(request: Request) -> Readable:
    """The queues that a list for the sender may show. Raises `Refused` (401, 403) for callers who may read none."""
    actor = actor_of(request)
    require_read(request, actor.any_queue)
    return actor.queues


def narrow(request: Request, chosen: Filter) -> Filter:
    """`chosen`, limited to the queues that the sender may read.

    Raises `Refused` (401, 403) if it names one that they may not read.
    """
    readable = readable_queues(request)
    for queue in chosen.named:
        if queue is not None:
            require_read(request, queue)
    return narrowed(chosen, readable)


def is_read_checked(request: Request) -> bool:
    """Whether what was read for the sender may be shown: they may read all queues, or `require_read` was called."""
    return READ_KEY in request.scope or actor_of(request).queues is None


def check(request: Request, is_allowed: Callable[[Request], T]) -> T:
    """Returns what `is_allowed` returns for `request`. It raises `Refused` if the sender may not continue.

    `recheck` calls it again. It must not refer to `request` itself: the request refers to it, and only the garbage
    collector would free both.
    """
    rights: Rights | None = request.scope.get(RIGHTS_KEY)
    if rights is not None:
        rights.checks.append(is_allowed)
    return is_allowed(request)


async def recheck(scope: Scope) -> None:
    """Authenticates the sender of a long request again and repeats its permission checks.

    A key may have been deleted meanwhile, a session ended, or a permission removed. Does nothing if the last check is
    less than a second old, or if the API is open. Raises `Refused` (401, 403), `DatabaseUnavailable` and `Overloaded`.
    """
    rights: Rights | None = scope.get(RIGHTS_KEY)
    now = time.monotonic()
    if rights is None or now - rights.since < RECHECK_SECONDS:
        return
    scope[ACTOR_KEY] = await rights.authenticate(scope)
    rights.since = now
    for is_allowed in rights.checks:
        is_allowed(Request(scope))


def _permitted(actor: Actor, permission: Permission, queue: str | None, scopes: Scopes | None) -> Actor:
    if not actor.may(permission, queue, scopes):
        raise refusal_of(actor, _what(actor, permission, queue, scopes))
    return actor


def refuse_reading(actor: Actor, queue: str | None) -> None:
    """Raises `Refused` (401, 403) if `actor` may not read tasks of `queue`; None is all queues."""
    if actor.may_read(queue):
        return
    if not actor.covers(queue):
        raise refusal_of(actor, _FOR_ALL_QUEUES if queue is None else _beyond("read", queue))
    is_key = actor.kind is ActorKind.KEY
    raise refusal_of(actor, "read: this needs a key with the scope read" if is_key else "read")


def refusal_of(actor: Actor, what: str) -> Refused:
    """The error for an `actor` who may not do `what`: 403, or 401 if logging in could help."""
    if actor.kind is ActorKind.ANONYMOUS:
        return unauthenticated(_ON_AN_OPEN_API)
    return Refused(HTTPStatus.FORBIDDEN, f"{actor.name} may not {what}")


def _what(actor: Actor, permission: Permission, queue: str | None, scopes: Scopes | None) -> str:
    if actor.kind is ActorKind.KEY:
        if not actor.covers(queue):
            return _beyond(permission, queue)
        if scopes is not None:
            return f"do this: it needs a key with the scope {' or '.join(scopes)}"
        return f"{permission}: this needs a key with the scope {' or '.join(scopes_for(permission))}"
    return f"{permission} on all queues" if queue is None else f"{permission} on the queue {queue}"


def _beyond(what: str, queue: str | None) -> str:
    if queue is None:
        limit = "the key is limited to some. Where there is a parameter queue, name one of these"
        return f"{what} on all queues: {limit}"
    return f"{what} on the queue {queue}: they are limited to others"


def unauthenticated(sentence: str = "this needs a valid X-API-Key header or a session") -> Refused:
    """The error for a request without valid credentials."""
    return Refused(HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": 'ApiKey realm="lapinq"'})


def audit_entry(
    request: Request, action: str, target: str | None, details: dict[str, Any] | None = None
) -> Entry:
    """An audit entry by the sender of `request`, to be recorded in the transaction of the change.

    `action` names the kind of target and the verb ("task.cancel"); `target` names which one.
    """
    return author_of(request).did(action, target, details)


def author_of(request: Request) -> Author:
    """The sender of `request`, for verbs that write their own audit entries."""
    actor = actor_of(request)
    client = request.scope.get("client")
    return Author(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor=actor.name,
        address=client[0] if client else None,
        request_id=request.scope.get(REQUEST_ID_KEY),
    )
