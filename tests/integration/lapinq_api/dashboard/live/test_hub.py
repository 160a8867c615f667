"""Those who watch the same share one look, for as long as somebody watches."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_api.batching import long_windows
from lapinq_api.dashboard.live import hub, web_socket
from lapinq_api.dashboard.live.hub import Feed, Hub
from lapinq_api.dashboard.live.published import PUBLISHED
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.view import PageAddress, View, Views
from lapinq_api.dashboard.views.operating import overview
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import inspect
from tests.integration.lapinq_api.dashboard.live.conftest import hear_until, opened, say
from tests.integration.lapinq_api.routes.bulk.test_bulk_actions import start
from tests.integration.lapinq_api.routes.bulk.test_bulk_bounds import holding, walking
from tests.support.database.running import on_connections
from tests.support.eventually import eventually, eventually_async
from tests.support.http.people import log_in
from tests.support.http.serving import serving
from tests.support.rows.factories import enqueue

pytestmark = pytest.mark.http

NOTHING = PageAddress({}, {})
ENGLISH = Audience(locale="en", is_admin=True, grants=frozenset(), is_read_only=False, queues=None)
SPANISH = Audience(locale="es", is_admin=True, grants=frozenset(), is_read_only=False, queues=None)


class Looks:
    """A page that counts how often it is loaded, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self.view = View(
            path="/",
            template="",
            here="",
            load=self._load,
            parts=("cards",),
            parameters=frozenset({"a"}),
        )

    async def _load(self, state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
        del address, readable
        self.count += 1
        if self.failure:
            raise self.failure
        queues = await state.database.run(inspect.count_queues)
        return {"queues": [], "total": {"pending": sum(queue.pending for queue in queues)}}


@pytest.fixture(autouse=True)
def _only_when_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 3600.0)
    monkeypatch.setattr(hub, "MIN_INTERVAL_SECONDS", 0.01)


@asynccontextmanager
async def living(url: str) -> AsyncGenerator[tuple[State, Looks]]:
    """An application on that database, while it lives, and a page of its own."""
    app = build_app(Settings(database_url=url))
    async with app.router.lifespan_context(app), asyncio.timeout(30):
        yield app.state.shared, Looks()


async def looked(feed: Feed, count: int) -> None:
    async def check() -> bool:
        return feed.update_count >= count

    await eventually_async(check)


async def test_viewers_of_the_same_share_one_look_and_others_have_their_own(api_database: str) -> None:
    async with living(api_database) as (state, looks):
        feeds = Hub(state)
        other_address = looks.view.address({}, {"a": "1"})
        assert looks.view.path == PUBLISHED.path
        with ExitStack() as watching:

            def watch(view: View, address: PageAddress = NOTHING) -> Feed:
                return watching.enter_context(feeds.watching(view, address, ENGLISH))

            first = watch(looks.view)
            assert all(watch(looks.view) is first for _ in range(5))
            await looked(first, 1)
            assert watch(looks.view) is first
            shown = first.shown_to(ENGLISH)
            assert shown is not None
            assert set(shown.parts) == {"cards"}
            assert looks.count == 1
            other, published = watch(looks.view, other_address), watch(PUBLISHED)
            assert len({id(feed) for feed in (first, other, published)}) == 3
            await looked(other, 1)
            assert looks.count == 2


async def test_who_is_shown_something_else_is_rendered_from_the_same_look(api_database: str) -> None:
    async with living(api_database) as (state, looks):
        feeds = Hub(state)
        with feeds.watching(looks.view, NOTHING, ENGLISH) as feed:
            with feeds.watching(looks.view, NOTHING, SPANISH) as other:
                assert other is feed
                await looked(feed, 1)
                assert looks.count == 1
                assert feed.shown_to(ENGLISH) is not None
                assert feed.shown_to(SPANISH) is not None
            assert feed.shown_to(SPANISH) is None
            # Whoever comes late is looked for at once.
            with feeds.watching(looks.view, NOTHING, SPANISH):
                await looked(feed, 2)
                assert feed.shown_to(SPANISH) is not None


async def test_a_feed_ends_with_its_last_viewer(api_database: str) -> None:
    async with living(api_database) as (state, looks):
        feeds = Hub(state)
        with feeds.watching(looks.view, NOTHING, ENGLISH) as feed:
            with feeds.watching(looks.view, NOTHING, ENGLISH):
                await looked(feed, 1)
            task = feed.task
            assert task is not None
            state.changes.on_notify("")
            await looked(feed, 2)
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        with feeds.watching(looks.view, NOTHING, ENGLISH) as anew:
            assert anew is not feed
            await looked(anew, 1)


async def test_what_a_user_did_is_looked_at_at_once_by_all_servers(
    api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "COST_FACTOR", 1e6)
    async with living(api_database) as (state, looks), living(api_database) as (other, _):
        with (
            Hub(state).watching(looks.view, NOTHING, ENGLISH) as feed,
            Hub(other).watching(looks.view, NOTHING, ENGLISH) as elsewhere,
        ):
            await looked(feed, 1)
            await looked(elsewhere, 1)
            seen = state.acts.next(), other.acts.next()
            counts = feed.update_count, elsewhere.update_count
            state.on_act()
            await asyncio.gather(*(each.wait() for each in seen))
            await looked(feed, counts[0] + 1)
            await looked(elsewhere, counts[1] + 1)


def test_what_a_user_does_shows_at_once(
    api_database: str, db: psycopg.Connection, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (long_windows, overview):
        monkeypatch.setattr(module, "BRIEF_SECONDS", 3600.0)
    [task] = on_connections(api_database, partial(enqueue, queue_name=queue))
    with (
        serving(build_app(Settings(database_url=api_database))) as client,
        opened(client, Cookie=f"lapinq_session={log_in(client)}") as socket,
    ):

        def shown(part: str) -> str:
            return hear_until(socket, lambda said: part in said.get("parts", {}))["parts"][part]

        say(socket, type="auth")
        say(socket, type="watch", page="")
        assert "resume" not in shown("overview-alerts")
        for verb, is_told in (("pause", True), ("resume", False)):
            assert client.post(f"/api/v1/queues/{queue}/{verb}").is_success
            assert ("resume" in shown("overview-alerts")) is is_told
        with holding(api_database, task):
            started = start(client, "delete", queue=queue)
            eventually(lambda: walking(db) == 1)
            say(socket, type="watch", page="tasks")
            assert started["id"] in shown("bulk-active")
            assert client.post(f"/api/v1/bulk-actions/{started['id']}/stop").is_success
            assert started["id"] not in shown("bulk-active")
        with holding(api_database, task):
            started = start(client, "delete", queue=queue)
            assert started["id"] in shown("bulk-active")
        hear_until(
            socket, lambda said: started["id"] not in said.get("parts", {}).get("bulk-active", started["id"])
        )


async def test_a_change_is_looked_at_and_what_fails_says_why_until_the_next(
    api_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, hub.__name__)
    async with living(api_database) as (state, looks):

        async def look_again(feed: Feed, failure: Exception | None) -> None:
            looks.failure = failure
            count = feed.update_count
            state.changes.on_notify("")
            await looked(feed, count + 1)
            assert looks.count == feed.update_count

        looks.failure = DatabaseUnavailable("away")
        with Hub(state).watching(looks.view, NOTHING, ENGLISH) as feed:
            await looked(feed, 1)
            assert feed.problem is looks.failure
            assert feed.shown_to(ENGLISH) is None
            await look_again(feed, None)
            shown = feed.shown_to(ENGLISH)
            assert shown is not None
            gone = Refused(404, "there is no such task")
            await look_again(feed, gone)
            assert feed.problem is gone
            await look_again(feed, None)
            assert feed.problem is None
            await look_again(feed, ZeroDivisionError("a bug"))
            await look_again(feed, None)
            assert feed.shown_to(ENGLISH) is shown  # so nobody is sent anything
    assert [record.getMessage() for record in caplog.records] == ["could not update a page for its viewers"]


def test_whoever_was_told_of_a_problem_is_shown_the_page_when_it_is_over(
    api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.1)
    looks = Looks()
    app = build_app(Settings(database_url=api_database))
    app.router.routes[:] = [
        *(route for route in app.router.routes if getattr(route, "path", None) != "/ws"),
        *web_socket.routes(app.state.shared, Views((looks.view,))),
    ]
    with serving(app) as client, opened(client, Cookie=f"lapinq_session={log_in(client)}") as socket:
        say(socket, type="auth")
        say(socket, type="watch", page="")
        before = hear_until(socket, lambda said: "parts" in said)
        looks.failure = Refused(404, "there is no such task")
        refused = hear_until(socket, lambda said: "error" in said)
        assert refused == {"error": "there is no such task"}
        looks.failure = DatabaseUnavailable("away")
        hear_until(socket, lambda said: "away" in said)
        looks.failure = None
        assert hear_until(socket, lambda said: "parts" in said) == before  # though nothing changed
