"""The search of everything: ids of tasks, keys, and names of queues, task functions, schedules, workers and errors.

`GET /search?text=` answers the palette with JSON, and a browser without scripts with a page.
"""

import re
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.credentials.caller import actor_of
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import PageEndpoint, audience_for, page_of
from lapinq_api.dashboard.page.texts import texts_in
from lapinq_api.operations.filters.task_values import ids_beginning_with
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.lookup.anywhere import Hit, Kind, find_anywhere

MAX_TEXT = 200
MAX_OF_A_KIND = 10
_ID = re.compile(r"[0-9a-fA-F]{8}[0-9a-fA-F-]{0,28}")
_PATHS = {
    Kind.TASK: "tasks/{}",
    Kind.QUEUE: "queue?name={}",
    Kind.KEY: "key?name={}",
    Kind.FUNCTION: "function?name={}",
    Kind.SCHEDULE: "schedules/{}",
    Kind.WORKER: "workers/{}",
    Kind.ERROR: "errors/{}",
}
_STATES = {
    Kind.TASK: "status.{}",
    Kind.QUEUE: "queues.{}",
    Kind.SCHEDULE: "schedules.is.{}",
    Kind.WORKER: "workers.state_{}",
    Kind.ERROR: "errors.is.{}",
}
"""The texts for the states of hits."""
_TIMED_ID = 18
"""Characters of a task's id with its whole time: no two of a process share them."""


class Result(msgspec.Struct, frozen=True):
    """A hit, and the path of its page below the dashboard's root.

    `id` is the beginning of a task's id. `state` is that of the `Hit`, `state_label` its text. `may_pause`: it is a
    queue that is not paused and that the caller may pause, on its page at `#pause-queue`.
    """

    kind: Kind
    label: str
    detail: str | None
    href: str
    id: str | None
    state: str | None
    state_label: str | None
    at: datetime | None
    may_pause: bool


class Results(msgspec.Struct, frozen=True):
    """The answer to the palette."""

    results: list[Result]


def routes(state: State) -> list[Route]:
    return [Route("/search", PageEndpoint(search, state), methods=["GET"])]


async def search(state: State, request: Request) -> Response:
    text = request.query_params.get("text", "").strip()
    wants_json = "application/json" in request.headers.get("accept", "")
    if len(text) > MAX_TEXT or "\0" in text:
        problem = InvalidValue("text", f"must have at most {MAX_TEXT} characters, and no null character")
        if wants_json:
            raise problem
        status = HTTPStatus.BAD_REQUEST
        return page_of(state, request, "problem.html", status, code=int(status), problem=str(problem))
    found: list[Hit] = []
    if text:
        found = await state.database.scan(
            find_anywhere, text, _ids(text), MAX_OF_A_KIND, actor_of(request).queues
        )
    audience = audience_for(state, request.scope, actor_of(request))
    results = [_result(hit, audience) for hit in found]
    if wants_json:
        return Json(Results(results))
    return page_of(state, request, "search.html", text=text, results=results, max_text=MAX_TEXT)


def _result(hit: Hit, audience: Audience) -> Result:
    label = _STATES[hit.kind].format(hit.state) if hit.state else None
    return Result(
        kind=hit.kind,
        label=hit.label,
        detail=hit.detail,
        href=_PATHS[hit.kind].format(quote(hit.key, safe="")),
        id=hit.key[:_TIMED_ID] if hit.kind is Kind.TASK else None,
        state=hit.state,
        state_label=label and texts_in(audience.locale)(label),
        at=hit.at,
        may_pause=hit.kind is Kind.QUEUE and not hit.state and audience.may(Permission.PAUSE, hit.key),
    )


def _ids(text: str) -> tuple[str, str] | None:
    """The ids that begin with `text`, with or without dashes; None if it is no beginning of one."""
    digits = text.replace("-", "")
    if not _ID.fullmatch(text) or len(digits) > 32:
        return None
    pieces = (digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    return ids_beginning_with("-".join(piece for piece in pieces if piece))
