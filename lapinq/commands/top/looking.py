"""The API calls of `lapinq top`: reading the figures, and changing things."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import msgspec

from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Answer, Api
from lapinq.commands.console.failure import ApiRefused, Failed
from lapinq.commands.top.panes import Pane, Seen
from lapinq.commands.top.view import Change, Order, View, counted, noted, warned

_MAX_FAILED = 50
_LOOK_SECONDS = 15.0


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for: figures of the last `minutes`, of one queue or all."""

    minutes: int
    queue: str | None

    def overview(self, api: Api) -> Answer:
        """Raises `Failed`."""
        query = {"minutes": self.minutes, "queue": self.queue}
        try:
            return api.call("GET", "/api/v1/overview", query, timeout=_LOOK_SECONDS)
        except ApiRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise ApiRefused(
                "the server has no overview: it is older than this command", error.status
            ) from error

    def look(self, api: Api, pane: Pane) -> Seen:
        """What there is to show, with failed tasks only where that is the `pane`. Raises `Failed`."""
        overview = self.overview(api).value
        if pane is not Pane.FAILED:
            return Seen(overview=overview)
        query = {"limit": _MAX_FAILED, "queue": self.queue}
        failed = api.call("GET", "/api/v1/tasks/failed", query, timeout=_LOOK_SECONDS).value
        return Seen(overview=overview, failed=failed)

    def first(self, api: Api) -> Seen:
        """The same, once. A server that can't answer now is seen, too; raises `Failed` for other errors."""
        try:
            return self.look(api, Pane.QUEUES)
        except ApiRefused as error:
            if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return Seen(error=error.message)


def carry_out(api: Api, order: Order) -> Callable[[View], View]:
    """Sends `order`; returns what it does to the view."""
    change = order if isinstance(order, Change) else order.change
    query = change.query if isinstance(order, Change) else {**change.query, "dry_run": "true"}
    try:
        answer = api.call(change.method, change.path, query, timeout=BULK_TIMEOUT_SECONDS).value
    except Failed as error:
        return partial(warned, notice=error.message)
    if not isinstance(order, Change):
        return partial(counted, order=order, number=answer["matching"])
    number = f": {answer[change.counted]:,}" if change.counted else ""
    return partial(noted, notice=change.done + number)
