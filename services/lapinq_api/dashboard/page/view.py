"""A page is a view: a template, its live parts, and a loader for their values.

The page is rendered whole when opened. After that, `/ws` sends its parts when they change, from the same loader and
templates.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.routing import compile_path

from lapinq_api.credentials.caller import refuse_reading
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import fragment
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.path import has_control_character
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable

MAX_ADDRESS = 4096
MAX_PARAMETERS = 30


class Elsewhere(Exception):
    """What was asked for is on the page at `path`, below the dashboard's root."""

    def __init__(self, path: str) -> None:
        super().__init__(f"this is on another page: {path}")
        self.path = path


class PageAddress(msgspec.Struct, frozen=True):
    """The parameters of a page, from path and query string. If a name repeats, its last value counts."""

    params: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def key(self) -> str:
        """Equal for equal parameters."""
        return msgspec.json.encode((self.params, self.query), order="sorted").decode()


Loader = Callable[[State, PageAddress, Readable], Awaitable[dict[str, Any]]]
"""Loads the values for a page's templates. Raises `DatabaseUnavailable`, `Elsewhere`, `InvalidValue`, `Refused` (404).

Of the viewer it knows which queues they may read, and loads nothing of others. What else depends on the viewer is
decided in the templates, by `audience`, and by `payloads` (`lapinq_api.credentials.payloads.PayloadView`), which masks
what the viewer may not see.
"""

Check = Callable[[State, Actor, PageAddress], None]
"""Checks whether somebody may see a page, before it is loaded. Raises `InvalidValue` and `Refused`."""

Canonical = Callable[[Mapping[str, str], str | None], dict[str, str] | None]
"""The canonical parameters, to which a browser is redirected; None if they are canonical already. It also gets the
viewer's time zone, if the browser has told it."""

OnInvalid = Callable[[PageAddress, InvalidValue | Refused], dict[str, Any]]
"""The template's values when parameters are invalid, given the error."""


Personal = Callable[[State, Request], Awaitable[dict[str, Any]]]
"""Loads what a whole page shows outside its parts for its viewer alone."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is a route. `parts` are ids of elements, each rendered by `templates/parts/<id>.html`.

    `here` is the page's entry in the navigation. `parameters` are the query parameters that it reads. A page with a
    form, in which the user can correct an invalid value, is rendered with `on_invalid`, without its parts. The viewers
    of a list get its changes at most once a second: nobody reads rows faster.

    Unless `is_narrowed` says that `load` leaves out what its viewer may not read, only those see it who may read all
    queues.
    """

    path: str
    template: str
    here: str
    load: Loader
    parts: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    needs_admin: bool = False
    is_list: bool = False
    is_narrowed: bool = False
    check: Check | None = None
    canonical: Canonical | None = None
    on_invalid: OnInvalid | None = None
    personal: Personal | None = None

    @property
    def depth(self) -> int:
        """How many levels the page is below the dashboard's root."""
        return self.path.count("/") - 1

    def check_viewer(self, state: State, actor: Actor, address: PageAddress) -> None:
        """Raises `Refused` and `InvalidValue` if `actor` may not see the page at `address`."""
        if not self.is_narrowed:
            refuse_reading(actor, None)
        if self.check:
            self.check(state, actor, address)

    def address(self, params: Mapping[str, str], query: Mapping[str, str]) -> PageAddress:
        """The parameters without unknown and empty ones."""
        return PageAddress(
            dict(params), {name: text for name, text in query.items() if name in self.parameters and text}
        )

    def render_parts(self, values: Mapping[str, Any], audience: Audience) -> dict[str, str]:
        """The HTML of each part."""
        return {
            part: fragment(f"parts/{part}.html", audience, up="../" * self.depth, **values)
            for part in self.parts
        }


class Views:
    """Finds views by URL."""

    def __init__(self, views: tuple[View, ...]) -> None:
        self._views = [(compile_path(view.path)[0], view) for view in views]

    def find(self, url: str) -> tuple[View, PageAddress]:
        """The view at `url`, relative to the dashboard's root. Raises `InvalidValue`."""
        if len(url) > MAX_ADDRESS:
            raise InvalidValue("page", f"must have at most {MAX_ADDRESS} characters")
        try:
            parts = urlsplit(url)
            path, query = unquote(parts.path), dict(parse_qsl(parts.query, max_num_fields=MAX_PARAMETERS))
        except ValueError as error:
            raise InvalidValue("page", "must be the address of a page") from error
        for pattern, view in self._views:
            # `$` in a pattern also matches before a trailing line feed.
            if (match := pattern.match(path)) and not has_control_character(path):
                return view, view.address(match.groupdict(), query)
        raise InvalidValue("page", "is not a page of the dashboard")
