"""The page behind a link by which somebody without an account decides what a task waits for.

Looking at it changes nothing: mail programs open links before people do. Programs may use JSON instead of the form.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.auth import throttle
from lapinq_api.auth.throttle import TooManyTries
from lapinq_api.credentials.payloads import audited
from lapinq_api.dashboard.forms import read_form, sentence
from lapinq_api.dashboard.page import unavailable
from lapinq_api.dashboard.page.audience import locale_of
from lapinq_api.dashboard.page.rendering import PageEndpoint, page
from lapinq_api.dashboard.page.texts import DEFAULT, texts_in
from lapinq_api.operations.body import read_json_if_any
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import sentence as error_sentence
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.tasks.durable import form as decision_form
from lapinq_core.domain.tasks.durable.form import Field, Problem
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.durable import links
from lapinq_core.durable.links import PATH, Asked, Closed, NotOpen, QuestionChanged
from lapinq_core.people.audit import Author

SHOWN = "shown"
"""The name of the field that says which question the form has shown."""
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}
_STATUS = {
    Closed.UNKNOWN: HTTPStatus.NOT_FOUND,
    Closed.DECIDED: HTTPStatus.CONFLICT,
    Closed.EXPIRED: HTTPStatus.GONE,
    Closed.ENDED: HTTPStatus.GONE,
}
_LINK = "a link"


class Question(msgspec.Struct):
    """What a link asks. `schema` is that of the value that is wanted, null for none."""

    signal: str
    title: str | None
    text: str | None
    schema: Any
    expires_at: datetime


class Decided(msgspec.Struct):
    """When it was decided."""

    decided_at: datetime


def routes(state: State) -> list[Route]:
    return [Route(f"/{PATH}", PageEndpoint(decide, state), methods=["GET", "POST"])]


async def decide(state: State, request: Request) -> Response:
    as_json = _wants_json(request)
    try:
        asked = await _find(state, request)
        if request.method == "POST":
            return await _decide(state, request, asked, as_json=as_json)
        return _question(asked) if as_json else _page(state, request, HTTPStatus.OK, asked)
    except NotOpen as error:
        if as_json:
            told = texts_in(DEFAULT)(f"decide.closed.{error.why}")
            return error_sentence(_STATUS[error.why], told, HEADERS)
        return page(
            request.scope, "decide.html", _STATUS[error.why], HEADERS, closed=error, asked=None, decided=None
        )
    except TooManyTries as error:
        if as_json:
            raise
        headers = {**HEADERS, **error.headers}
        return page(
            request.scope,
            "decide.html",
            error.status,
            headers,
            closed=None,
            asked=None,
            decided=None,
            problem=str(error),
        )
    except DatabaseUnavailable as error:
        if as_json:
            raise
        return unavailable.page_for(request.scope, error)


async def _find(state: State, request: Request) -> Asked:
    """What the link asks. Only links that do not exist are counted, as wrong passwords are: so looking at one writes
    nothing, and any number of mail programs may."""
    try:
        return await state.database.run(links.find, request.query_params.get("token", ""))
    except NotOpen as error:
        if error.why is Closed.UNKNOWN:
            await throttle.count_link(state, request.scope)
        raise


async def _decide(state: State, request: Request, asked: Asked, *, as_json: bool) -> Response:
    fields, given, shown = fields_of(asked.schema), {}, None
    if as_json:
        value = await _json_value(state, request, fields)
    else:
        try:
            given = await form_values(state, request)
        except InvalidValue as error:
            return _page(
                state, request, HTTPStatus.BAD_REQUEST, asked, problem=sentence(f"{error.loc} {error.msg}")
            )
        shown = given.get(SHOWN)
        values, problems = decision_form.read_form(fields, given)
        if problems:
            return _page(state, request, HTTPStatus.BAD_REQUEST, asked, given=given, problems=problems)
        value = value_text(fields, values)
    token = request.query_params.get("token", "")
    decide = partial(links.decide, by=_author(request), audited=audited(state.payloads, value), shown=shown)
    try:
        at = await state.database.run(decide, token, value)
    except QuestionChanged:
        asked = await _find(state, request)
        told = texts_in(locale_of(request.scope))("decide.closed.changed")
        return _page(state, request, HTTPStatus.CONFLICT, asked, given=given, problem=told)
    if as_json:
        return Json(Decided(at), headers=HEADERS)
    return page(request.scope, "decide.html", HTTPStatus.OK, HEADERS, closed=None, asked=asked, decided=at)


def fields_of(schema: str | None) -> tuple[Field, ...]:
    """The fields of a stored schema."""
    return () if schema is None else decision_form.read_schema(msgspec.json.decode(schema))


async def form_values(state: State, request: Request) -> dict[str, str]:
    """What was typed, by field; the last if one was sent twice. Raises `InvalidValue`."""
    given = await read_form(state, request, state.settings.max_payload_size, decision_form.MAX_FIELDS + 1)
    return {name: text for name, text in given.multi_items() if isinstance(text, str)}


def value_text(fields: Sequence[Field], values: Mapping[str, Any]) -> str:
    """The signal's value as JSON text: null without a form."""
    return msgspec.json.encode(values if fields else None).decode()


async def _json_value(state: State, request: Request, fields: Sequence[Field]) -> str:
    """The body, checked. Raises `InvalidValue`."""
    body = await read_json_if_any(
        request.scope, request.receive, state.settings.max_payload_size, state.admission
    )
    value = decode(_any, body) if body else None
    check_json("value", value)
    decision_form.check(fields, value)
    return msgspec.json.encode(value).decode()


def _question(asked: Asked) -> Json:
    schema = None if asked.schema is None else msgspec.json.decode(asked.schema)
    return Json(Question(asked.name, asked.title, asked.text, schema, asked.expires_at), headers=HEADERS)


def _page(
    state: State,
    request: Request,
    status: int,
    asked: Asked,
    *,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, Problem] | None = None,
    problem: str | None = None,
) -> Response:
    return page(
        request.scope,
        "decide.html",
        status,
        HEADERS,
        asked=asked,
        closed=None,
        decided=None,
        fields=fields_of(asked.schema),
        given=given,
        problems=problems or {},
        problem=problem,
        is_read_only=state.settings.read_only,
        option=decision_form.option,
    )


def _author(request: Request) -> Author:
    client = request.scope.get("client")
    return Author(
        actor_kind=ActorKind.ANONYMOUS,
        actor=_LINK,
        address=client[0] if client else None,
        request_id=request.scope.get(REQUEST_ID_KEY),
    )


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    sent = request.headers.get("content-type", "")
    return "text/html" not in accepted and ("json" in accepted or "json" in sent)


_any = msgspec.json.Decoder(Any)
