"""What a page is: a template, the parts of it that are kept live, and where what they show comes from.

The page is rendered whole for whoever opens it. From then on its parts are sent as they change, over `/ws`, from the
same load and the same templates.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from starlette.routing import compile_path

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import fragment
from lapinq_api.state import State
from lapinq_api.wire.path import has_control_character
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.errors import InvalidValue

LONGEST_ADDRESS = 4096
MOST_PARAMETERS = 30


class Asked(msgspec.Struct, frozen=True):
    """A page as it was asked for: what stood in the path, and the query string, of which the last of a name counts."""

    params: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def key(self) -> str:
        """Equal for those who asked for the same."""
        return msgspec.json.encode((self.params, self.query), order="sorted").decode()


Loader = Callable[[State, Asked], Awaitable[dict[str, Any]]]
"""What the templates of a page are filled with. Raises `DatabaseUnavailable`, `InvalidValue`, `Refused` (404).

It does not know for whom: what differs from one to the next is decided in the templates, by `audience`, and by
`payloads` (`lapinq_api.credentials.payloads.PayloadView`), which hides what somebody may not see.
"""

Check = Callable[[State, Actor, Asked], None]
"""Returns when somebody may ask for that, before anything is loaded for them. Raises `InvalidValue`, `Refused`."""

Better = Callable[[Mapping[str, str]], dict[str, str] | None]
"""The parameters by which the same is better asked for, None where it is asked for well: a browser is led there."""

Despite = Callable[[Asked, str], dict[str, Any]]
"""What the template is filled with when the page can't be shown as asked for, for the reason that a sentence gives."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is one of the router's. `parts` are ids of elements, each filled by `templates/parts/<id>.html`.

    `here` says which entry of the navigation it belongs to. `parameters` are those of the query string that it reads.
    A page with a form, where what is wrong can be put right, is shown `despite` a wrong value, without its parts.
    """

    path: str
    template: str
    here: str
    load: Loader
    parts: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    needs_admin: bool = False
    check: Check | None = None
    better: Better | None = None
    despite: Despite | None = None

    @property
    def depth(self) -> int:
        """How many levels it lies below the root of the dashboard."""
        return self.path.count("/") - 1

    def asked(self, params: Mapping[str, str], query: Mapping[str, str]) -> Asked:
        """As asked for, without parameters that it doesn't read and those that say nothing."""
        return Asked(
            dict(params), {name: text for name, text in query.items() if name in self.parameters and text}
        )

    def render_parts(self, values: Mapping[str, Any], audience: Audience) -> dict[str, str]:
        """What stands in each part."""
        return {
            part: fragment(f"parts/{part}.html", audience, up="../" * self.depth, **values)
            for part in self.parts
        }


class Views:
    """Finds the view that an address leads to."""

    def __init__(self, views: tuple[View, ...]) -> None:
        self._views = [(compile_path(view.path)[0], view) for view in views]

    def find(self, address: str) -> tuple[View, Asked]:
        """The view at `address`, relative to the root of the dashboard. Raises `InvalidValue`."""
        if len(address) > LONGEST_ADDRESS:
            raise InvalidValue("page", f"must have at most {LONGEST_ADDRESS} characters")
        try:
            parts = urlsplit(address)
            path, query = unquote(parts.path), dict(parse_qsl(parts.query, max_num_fields=MOST_PARAMETERS))
        except ValueError as error:
            raise InvalidValue("page", "must be the address of a page") from error
        for pattern, view in self._views:
            # A `$` in a pattern also matches before a line feed at the end.
            if (match := pattern.match(path)) and not has_control_character(path):
                return view, view.asked(match.groupdict(), query)
        raise InvalidValue("page", "is none of the dashboard")
