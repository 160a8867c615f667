"""Renders HTML responses: templates with autoescaping, and a policy that allows only our own scripts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lapinq_api.auth.sessions import SESSION_KEY
from lapinq_api.credentials.caller import actor_of
from lapinq_api.dashboard.page import static, words
from lapinq_api.dashboard.page.audience import Audience, audience_of
from lapinq_api.dashboard.page.marks import strip
from lapinq_api.dashboard.page.server_address import server_of
from lapinq_api.dashboard.page.sparkline import sparkline
from lapinq_api.dashboard.page.texts import LOCALES, texts_in
from lapinq_api.operations.endpoint import Handler
from lapinq_api.state import State
from lapinq_api.wire.path import route_path
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.domain.queue_filter import includes
from lapinq_core.domain.version import __version__

if TYPE_CHECKING:
    from lapinq_core.people.sessions import Session

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("lapinq_api"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=words.visible,
)
_templates.filters.update(words.FILTERS)


class Column(msgspec.Struct, frozen=True):
    """A column of a table, for the macros of `templates/tables.html`.

    `key` is unique in its table. Numbers are aligned to the right. A hidden head is for screen readers only, as over
    buttons. `hint` explains the head on hover.
    """

    key: str
    label: str
    is_number: bool = False
    is_hidden: bool = False
    hint: str | None = None


class _Page(msgspec.Struct, frozen=True):
    """An entry of the navigation. The `is_first` ones have a place in the bar of a phone.

    With `needs_all_queues` it is for those who may read all queues.
    """

    address: str
    name: str
    is_first: bool = False
    needs_admin: bool = False
    needs_all_queues: bool = False


_PAGES = (
    _Page("", "overview", is_first=True),
    _Page("tasks", "tasks", is_first=True),
    _Page("errors", "errors", is_first=True),
    _Page("queues", "queues", is_first=True),
    _Page("functions", "functions"),
    _Page("waits", "waits"),
    _Page("limits", "limits", needs_all_queues=True),
    _Page("workflows", "workflows", needs_all_queues=True),
    _Page("schedules", "schedules"),
    _Page("workers", "workers", needs_all_queues=True),
    _Page("webhooks", "webhooks"),
    _Page("admin/notifications", "notifications", needs_admin=True),
    _Page("admin/users", "users", needs_admin=True),
    _Page("admin/audit", "audit", needs_admin=True),
    _Page("docs", "api"),
)
_FOR_ALL = {
    "static": static.address,
    "version": __version__,
    "locales": LOCALES,
    "pages": _PAGES,
    "strip": strip,
    "sparkline": sparkline,
    "column": Column,
}
_MAX_ROWS = 2000
"""Rows that are kept: of some four kilobytes each."""
_rows: dict[tuple[Audience, str, str, bytes], Markup] = {}
_STRANGER = Actor(kind=ActorKind.USER, name="a stranger")


class PageEndpoint:
    """An ASGI endpoint that calls a page handler with the state."""

    def __init__(self, handler: Handler, state: State) -> None:
        self._handler = handler
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(self._state, Request(scope, receive))
        await response(scope, receive, send)


def page(
    scope: Scope,
    template: str,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    /,
    **values: Any,
) -> Response:
    """Renders `template` for a viewer who isn't logged in."""
    audience = audience_of(_STRANGER, scope, is_read_only=False)
    return _answer(scope, template, audience, status, headers, viewer=None, **values)


def page_of(
    state: State, request: Request, template: str, status: int = HTTPStatus.OK, /, **values: Any
) -> Response:
    """Renders `template` for a logged-in user, with their navigation and warnings."""
    session: Session | None = request.scope.get(SESSION_KEY)  # None with the key in the settings
    audience = audience_for(state, request.scope, actor_of(request))
    shared = {
        "viewer": session,
        "server": server_of(request),
        "payloads": state.payloads.for_(audience.actor),
        "badges": badge_counts(state, audience),
    }
    return _answer(request.scope, template, audience, status, None, **shared, **values)


def audience_for(state: State, scope: Scope, actor: Actor) -> Audience:
    """The audience that `actor` belongs to with this request or socket."""
    return audience_of(actor, scope, is_read_only=state.settings.read_only)


def badge_counts(state: State, audience: Audience) -> dict[str, int]:
    """How many groups of errors are open and how many tasks wait for a signal, as counted last, in the queues that
    `audience` may read: by the page that lists them."""
    return {
        page: sum(
            number for queue, number in (figure.value or {}).items() if includes(audience.queues, queue)
        )
        for page, figure in (("errors", state.open_errors), ("waits", state.open_waits))
    }


def fragment(template: str, audience: Audience, /, **values: Any) -> str:
    """Renders `template`, a part of a page, for `audience`."""
    texts = texts_in(audience.locale)
    with words.written_in(audience.numbers):
        given = {"t": texts, "audience": audience, "row": partial(row, audience)}
        return _templates.get_template(template).render(_FOR_ALL, **given, **values)


def row(audience: Audience, template: str, up: str, /, **values: Any) -> Markup:
    """A row of a list, rendered once for equal values: most rows stay as they are from look to look."""
    key = (audience, template, up, msgspec.msgpack.encode(values))
    html = _rows.pop(key, None) or Markup(fragment(template, audience, up=up, **values))  # noqa: S704  # escaped there
    _rows[key] = html  # at the end
    if len(_rows) > _MAX_ROWS:
        del _rows[next(iter(_rows))]
    return html


def _answer(
    scope: Scope,
    template: str,
    audience: Audience,
    status: int,
    headers: Mapping[str, str] | None,
    **values: Any,
) -> Response:
    # `up` leads from the page to the dashboard's root: "../" from one level below.
    up = "../" * (route_path(scope).count("/") - 1)
    scripts = msgspec.json.encode(texts_in(audience.locale).of_scripts).decode()
    html = fragment(
        template,
        audience,
        **{"up": up, "here": None, "now": datetime.now(UTC), "script_texts": scripts, **values},
    )
    return Response(html, status, {**_HEADERS, **(headers or {})}, media_type="text/html")
