"""Who sent a request, as the middleware `authentication` found out, and whether they may do what it asks for."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from lapinq_api.errors import Refused
from lapinq_api.middleware.request_id import SCOPE_KEY
from lapinq_core.domain.account import Actor, ActorKind, Permission, scopes_for
from lapinq_core.store.audit import Author, Entry

ACTOR_KEY = "lapinq.actor"


def actor_of(request: Request) -> Actor:
    """Who asks. Raises `Refused` (401) when nobody was found."""
    actor: Actor | None = request.scope.get(ACTOR_KEY)
    if actor is None:
        raise unauthenticated()
    return actor


def require(request: Request, permission: Permission, queue: str | None) -> Actor:
    """Who asks, given they may act so on `queue`; None is all queues at once. Raises `Refused` (401, 403)."""
    actor = actor_of(request)
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
