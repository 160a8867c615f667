"""Every page answers on the database of a large site, which the benchmarks fill, and that database is sound."""

import httpx
import psycopg
import pytest

from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from tests.bench.dashboard import world
from tests.bench.dashboard.addresses import addresses
from tests.support.database import postgres
from tests.support.database.running import on_connections
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess

pytestmark = [pytest.mark.http, pytest.mark.slow]


def test_every_page_of_a_large_site_answers(postgres_url: str, template_database: str) -> None:
    with postgres.private_database(postgres_url, template_database) as url:
        world.fill(url, tasks=5_000, queues=130, keys=50)
        found = on_connections(url, verify)
        assert {
            name: [one.message for one in each]
            for name, each in found.items()
            if each[0].severity is not Severity.OK
        } == {}
        with (
            ApiProcess(url, "--log-level", "warning") as server,
            httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client,
        ):
            log_in(client)
            assert {
                address: status
                for address in addresses(url).values()
                if (status := client.get(address).status_code) != 200
            } == {}
        world.bring_up_to_date(url)
        with psycopg.connect(url) as conn:
            row = conn.execute(
                "SELECT max(since) > now() - interval '1 minute' FROM lapinq_rollups"
            ).fetchone()
            assert row == (True,)
