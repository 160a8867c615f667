"""Who sent a request, as the middleware `authentication` found out, and whether they may do what it asks for."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.request_ids import SCOPE_KEY
from lapinq_core.domain.accounts.account import Actor, ActorKind, Permission, scopes_for
from lapinq_core.people.audit import Author, Entry

T = TypeVar("T")

ACTOR_KEY = "lapinq.actor"
RIGHTS_KEY = "lapinq.rights"
AGAIN_SECONDS = 1.0
"""For how long a request is let do what its sender was found to be allowed, before that is asked again."""


class Rights(msgspec.Struct):
    """How the sender of a request is found out, when that was last done, and what they had to be allowed."""

    authenticate: Callable[[Scope], Awaitable[Actor]]
    since: float = msgspec.field(default_factory=time.monotonic)
    checks: list[Callable[[], object]] = msgspec.field(default_factory=list[Callable[[], object]])


def actor_of(request: Request) -> Actor:
    """Who asks. Raises `Refused` (401) when nobody was found."""
    actor: Actor | None = request.scope.get(ACTOR_KEY)
    if actor is None:
        raise unauthenticated()
    return actor


def require(request: Request, permission: Permission, queue: str | None) -> Actor:
    """Who asks, given they may act so on `queue`; None is all queues at once. Raises `Refused` (401, 403)."""
    return check(request, lambda: _permitted(actor_of(request), permission, queue))


def check(request: Request, is_allowed: Callable[[], T]) -> T:
    """What `is_allowed` answers, which raises `Refused` where the sender of `request` may not go on.

    `ask_again` asks it again.
    """
    rights: Rights | None = request.scope.get(RIGHTS_KEY)
    if rights is not None:
        rights.checks.append(is_allowed)
    return is_allowed()


async def ask_again(scope: Scope) -> None:
    """For a request that takes long: finds out again who sends it, and whether they may still do what it asks for.

    A key may be deleted meanwhile, a session ended, a permission taken away. Does nothing within a second of the last
    time, and for what is open to all. Raises `Refused` (401, 403), `DatabaseUnavailable` and `Overloaded`.
    """
    rights: Rights | None = scope.get(RIGHTS_KEY)
    now = time.monotonic()
    if rights is None or now - rights.since < AGAIN_SECONDS:
        return
    scope[ACTOR_KEY] = await rights.authenticate(scope)
    rights.since = now
    for is_allowed in rights.checks:
        is_allowed()


def _permitted(actor: Actor, permission: Permission, queue: str | None) -> Actor:
    if not actor.may(permission, queue):
        raise refusal_of(actor, _what(actor, permission, queue))
    return actor


def refusal_of(actor: Actor, what: str) -> Refused:
    """What is raised when `actor` may not do `what`: 403, or 401 where it would help to say who asks."""
    if actor.kind is ActorKind.ANONYMOUS:
        return unauthenticated()
    return Refused(HTTPStatus.FORBIDDEN, f"{actor.name} may not {what}")


def _what(actor: Actor, permission: Permission, queue: str | None) -> str:
    if actor.kind is ActorKind.KEY:
        return f"{permission}: that takes a key with the scope {' or '.join(scopes_for(permission))}"
    return f"{permission} on every queue at once" if queue is None else f"{permission} on the queue {queue}"


def unauthenticated() -> Refused:
    """What is raised when nobody that we know asks."""
    return Refused(
        HTTPStatus.UNAUTHORIZED,
        "this takes a valid X-API-Key header or a session",
        {"WWW-Authenticate": 'ApiKey realm="lapinq"'},
    )


def note(request: Request, action: str, target: str | None, details: dict[str, Any] | None = None) -> Entry:
    """The entry of the audit log for what the sender of `request` did; to be recorded with the change itself.

    `action` is what was done to what kind of thing: "task.cancel"; `target` names which.
    """
    return author_of(request).did(action, target, details)


def author_of(request: Request) -> Author:
    """The sender of `request`, for verbs that note themselves what they do."""
    actor = actor_of(request)
    client = request.scope.get("client")
    return Author(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor=actor.name,
        address=client[0] if client else None,
        request_id=request.scope.get(SCOPE_KEY),
    )
