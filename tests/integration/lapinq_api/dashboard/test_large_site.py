"""The database of a large site, which the benchmarks fill: it is sound, and every page answers on it."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from tests.bench.dashboard import world
from tests.bench.dashboard.addresses import addresses
from tests.support.database import postgres
from tests.support.database.plans import blocks, plan
from tests.support.database.running import on_connections
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess
from tests.support.rows.factories import Conn

pytestmark = [pytest.mark.http, pytest.mark.slow]
ANY_WAIT = dict.fromkeys(
    ("after_since", "after_task", "after_step", "after_occurrence", "queue", "queues", "task_id", "name")
)


@pytest.fixture(scope="module")
def site(postgres_url: str, template_database: str) -> Iterator[str]:
    with postgres.private_database(postgres_url, template_database) as url:
        world.fill(url, tasks=5_000, queues=130, keys=50)
        yield url


def test_it_is_sound(site: str) -> None:
    found = on_connections(site, verify)
    assert {
        name: [one.message for one in each]
        for name, each in found.items()
        if each[0].severity is not Severity.OK
    } == {}


def test_every_page_answers(site: str) -> None:
    with (
        ApiProcess(site, "--log-level", "warning") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client,
    ):
        log_in(client)
        answers = {address: client.get(address).status_code for address in addresses(site).values()}
    assert {address: status for address, status in answers.items() if status != 200} == {}


def test_the_oldest_of_many_waits_are_found_by_their_index(site: str) -> None:
    async def looked_at(conn: Conn) -> int:
        return blocks(await plan(conn, "list_waits", {**ANY_WAIT, "limit": 51}))

    assert on_connections(site, looked_at) <= 1000


def test_its_charts_can_be_brought_up_to_date(site: str) -> None:
    world.bring_up_to_date(site)
    with psycopg.connect(site) as conn:
        row = conn.execute("SELECT max(since) > now() - interval '1 minute' FROM lapinq_rollups").fetchone()
    assert row == (True,)
