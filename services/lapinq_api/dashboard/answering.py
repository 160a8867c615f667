"""Sends a task the signal that a user has filled in."""

from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.credentials.caller import actor_of, author_of
from lapinq_api.credentials.payloads import audited
from lapinq_api.dashboard.decide import SHOWN, form_values, value_text
from lapinq_api.dashboard.forms import sentence
from lapinq_api.dashboard.page import unavailable
from lapinq_api.dashboard.page.audience import locale_of
from lapinq_api.dashboard.page.rendering import PageEndpoint, page_of
from lapinq_api.dashboard.page.texts import texts_in
from lapinq_api.dashboard.views.tasks import signal
from lapinq_api.dashboard.views.tasks.signal import VALUE, Signal
from lapinq_api.operations.task_permission import require_for_task
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.redirect import to_page
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.tasks.durable.calls import check_name
from lapinq_core.domain.tasks.durable.form import read_form
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.durable import signals
from lapinq_core.durable.links import Closed, QuestionChanged
from lapinq_core.durable.signals import NoSuchTask, SignalRefused


def routes(state: State) -> list[Route]:
    return [Route(signal.VIEW.path, PageEndpoint(send, state), methods=["POST"])]


async def send(state: State, request: Request) -> Response:
    address = signal.VIEW.address(request.path_params, dict(request.query_params))
    try:
        asked = await signal.find(state, address, actor_of(request).queues)
        await require_for_task(state, request, Permission.DECIDE, asked.task_id)
        return await _send(state, request, asked)
    except DatabaseUnavailable as error:
        return unavailable.page_for(request.scope, error)
    except InvalidValue as error:
        return _problem(state, request, HTTPStatus.BAD_REQUEST, sentence(f"{error.loc} {error.msg}"))
    except Refused as error:
        return _problem(state, request, error.status, sentence(str(error)))


async def _send(state: State, request: Request, asked: Signal) -> Response:
    given = await form_values(state, request)
    name = asked.name or given.get("name", "")
    try:
        check_name("name", name)
        if asked.asked is None:
            value = _json(given.get(VALUE, ""))
        else:
            values, problems = read_form(asked.fields, given)
            if problems:
                return _again(state, request, asked, given=given, problems=problems)
            value = value_text(asked.fields, values)
    except InvalidValue as error:
        return _again(
            state, request, asked, given=given, problem=sentence(f"{error.loc or VALUE} {error.msg}")
        )
    send = partial(
        signals.send, by=author_of(request), audited=audited(state.payloads, value), shown=given.get(SHOWN)
    )
    try:
        await state.database.run(send, asked.task_id, name, value)
    except InvalidValue as error:
        problem = sentence(f"{error.loc or VALUE} {error.msg}")
        return _again(state, request, asked, given=given, problem=problem)
    except (NoSuchTask, SignalRefused, QuestionChanged) as error:
        why = "changed" if isinstance(error, QuestionChanged) else Closed.ENDED
        told = texts_in(locale_of(request.scope))(f"decide.closed.{why}")
        return _again(state, request, asked, HTTPStatus.CONFLICT, given=given, problem=told)
    return to_page(request, f"/waits?{urlencode({'sent': name})}")


def _json(text: str) -> str:
    """The JSON that was typed, null for nothing. Raises `InvalidValue`."""
    if not text.strip():
        return "null"
    value = decode(_any, text.encode("utf-8", "replace"))
    check_json(VALUE, value)
    return msgspec.json.encode(value).decode()


def _again(
    state: State, request: Request, asked: Signal, status: int = HTTPStatus.BAD_REQUEST, **values: Any
) -> Response:
    return page_of(state, request, "signal.html", status, here="waits", **signal.shown(asked, **values))


def _problem(state: State, request: Request, status: int, problem: str) -> Response:
    return page_of(state, request, "problem.html", status, code=int(status), problem=problem)


_any = msgspec.json.Decoder(Any)
