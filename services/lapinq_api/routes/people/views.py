"""Saved views of the dashboard's lists: save, list, share, delete."""

import re
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import check_still_admin, session_of
from lapinq_api.credentials.caller import actor_of, author_of, refusal_of
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import Name, doc
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.people import saved_views
from lapinq_core.people.saved_views import SavedView, TooManyViews, ViewNameTaken

PAGES = ("tasks",)
MAX_QUERY = 2000
_OF_ONE_LOOK = frozenset({"cursor", "far", "q"})
"""Parameters that a view doesn't keep."""

VIEW_ID = Parameter(
    name="id",
    where="path",
    description="The view's id.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
)


class ViewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A view to save."""

    name: Name
    query: Annotated[
        str,
        doc("The query string of the page.", example="queue=mail&status=failed"),
        Meta(extra_json_schema={"maxLength": MAX_QUERY}),
    ]
    page: Annotated[str, Meta(extra_json_schema={"enum": list(PAGES)})] = "tasks"


class Sharing(msgspec.Struct, forbid_unknown_fields=True):
    """Whether all users see the view."""

    is_shared: bool


class Shared(msgspec.Struct):
    """The view's id, and whether all users see it."""

    id: int
    is_shared: bool


class ViewDeleted(msgspec.Struct):
    """The id of the deleted view."""

    id: int
    deleted: bool = True


async def list_views(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    # A view's filters may name any queue.
    may_read_all = session.actor.may_read(None)
    return Json(await state.database.run(saved_views.list_for, session.user_id, shared=may_read_all))


async def create_view(state: State, request: Request) -> Response:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    asked = decode(_request, body)
    check_name("name", asked.name)
    if asked.page not in PAGES:
        raise InvalidValue("page", f"must be one of {', '.join(PAGES)}")
    query, owner = _kept(asked.query), session_of(request.scope).user_id
    try:
        made = await state.database.run(saved_views.create, owner, asked.name, asked.page, query)
    except ViewNameTaken as error:
        raise Refused(HTTPStatus.CONFLICT, "you have a view with this name already") from error
    except TooManyViews as error:
        most = saved_views.MAX_VIEWS
        raise Refused(HTTPStatus.CONFLICT, f"you have {most} views, the maximum: delete one first") from error
    return Json(made, HTTPStatus.CREATED)


async def share_view(state: State, request: Request) -> Response:
    view_id = _view_id(request)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    asked = decode(_sharing, body)
    session = session_of(request.scope)
    if not actor_of(request).is_admin:
        raise refusal_of(actor_of(request), "share views: it takes an admin")
    await check_still_admin(state, request.scope)
    if not await state.database.run(
        saved_views.share, view_id, session.user_id, is_shared=asked.is_shared, by=author_of(request)
    ):
        raise _unknown()
    return Json(Shared(view_id, asked.is_shared))


async def delete_view(state: State, request: Request) -> Response:
    view_id = _view_id(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    session, is_admin = session_of(request.scope), actor_of(request).is_admin
    if is_admin:
        await check_still_admin(state, request.scope)
    if not await state.database.run(
        saved_views.delete, view_id, session.user_id, is_admin=is_admin, by=author_of(request)
    ):
        raise _unknown()
    return Json(ViewDeleted(view_id))


def _kept(query: str) -> str:
    """The query string, encoded again, without what belongs to one look at the page. Raises `InvalidValue`."""
    if len(query) > MAX_QUERY:
        raise InvalidValue("query", f"must have at most {MAX_QUERY} characters")
    try:
        pairs = parse_qsl(query.removeprefix("?"), max_num_fields=30, errors="strict")
    except ValueError as error:
        raise InvalidValue("query", "must be the query string of a page") from error
    kept = urlencode([(name, text) for name, text in pairs if name not in _OF_ONE_LOOK])
    if len(kept) > 3 * MAX_QUERY or "%00" in kept:
        raise InvalidValue("query", "must be the query string of a page")
    return kept


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no view with this id that you may change")


def _view_id(request: Request) -> int:
    given: str = request.path_params["id"]
    if not _ID.fullmatch(given):
        raise InvalidValue("id", "must be a view's id, a whole number")
    return int(given)


_ID = re.compile(r"[0-9]{1,18}")
_request = msgspec.json.Decoder(ViewRequest)
_sharing = msgspec.json.Decoder(Sharing)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/views",
        handler=list_views,
        needs=Needs.SESSION,
        tag="account",
        summary="List saved views",
        description=("Your own, and those that admins share with all who may read every queue, by name."),
        answers={200: Answer(description="The views.", body=list[SavedView])},
    ),
    Operation(
        method="POST",
        path="/api/v1/views",
        handler=create_view,
        needs=Needs.SESSION,
        tag="account",
        summary="Save a view",
        body=ViewRequest,
        answers={201: Answer(description="The view is saved.", body=SavedView)},
        errors={409: f"You have a view with this name, or {saved_views.MAX_VIEWS} views."},
    ),
    Operation(
        method="PATCH",
        path="/api/v1/views/{id}",
        handler=share_view,
        needs=Needs.SESSION,
        tag="account",
        summary="Share a view with all users, or no longer",
        description="Requires an admin.",
        parameters=(VIEW_ID,),
        body=Sharing,
        answers={200: Answer(description="It is shared, or no longer.", body=Shared)},
        errors={404: "There is no such view of yours, and no shared one."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/views/{id}",
        handler=delete_view,
        needs=Needs.SESSION,
        tag="account",
        summary="Delete a saved view",
        description="One of yours. An admin also deletes shared views.",
        parameters=(VIEW_ID,),
        answers={200: Answer(description="It is deleted.", body=ViewDeleted)},
        errors={404: "There is no such view that you may delete."},
    ),
)
