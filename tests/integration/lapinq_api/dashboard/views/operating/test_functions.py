"""The page of all task functions."""

import re

import httpx
import pytest

from lapinq_core.domain.figures import Figures
from lapinq_core.domain.histogram import count_into
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.figures import task_rollups
from lapinq_core.fleet import workers
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker

pytestmark = pytest.mark.http

SEVERAL = 60


@pytest.fixture(scope="module", autouse=True)
def _filled(api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        worker = await add_worker(conn, name="box-1", release="2.4.1")
        await workers.record_registered(conn, worker, [Registered("send/it", "shop.mail", "mail", {})])
        slow, broken = Figures(completed=60), Figures(retried=4)
        count_into(slow.runs, [30.0] * 60)
        quick = {("more", f"quick {n:02}"): Figures(completed=1) for n in range(SEVERAL)}
        happened = {("mail", "send/it"): slow, ("video", "send/it"): slow, ("mail", "charge"): broken}
        await task_rollups.record(conn, {**happened, **quick})

    on_connections(api_database, fill)


def rows(client: httpx.Client, query: str = "") -> list[str]:
    page = client.get(f"/functions{query}")
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="function-.*?</tr>', page.text, re.DOTALL)


def test_the_most_expensive_comes_first_with_its_queues_its_worker_and_a_link_to_run_it(
    signed_in: httpx.Client,
) -> None:
    first = rows(signed_in)[0]
    for part in (
        'href="function?name=send%2Fit&amp;window=1h"',
        'href="queue?name=mail"',
        ">+1<",
        'href="workers/box-1"',
        "2.4.1",
        'href="tasks/new?task=send%2Fit&amp;module=shop.mail"',
    ):
        assert part in first, part
    (charge,) = rows(signed_in, "?q=CHARGE")
    assert 'href="errors?task_name=charge">100' in charge
    assert "no live worker" in charge
    assert "tasks/new" not in charge


def test_they_are_ordered_and_paged(signed_in: httpx.Client) -> None:
    html = signed_in.get("/functions?sort=name&window=7d").text
    assert "1 to 50 of 62 functions" in html
    [following] = re.findall(r'href="(\?[^"]*cursor=50)" rel="next"', html)
    left = rows(signed_in, following.replace("&amp;", "&"))
    assert [re.findall(r'title="([^"]*)"><bdi>', row)[0] for row in left][-2:] == ["quick 59", "send/it"]
    assert 'aria-sort="ascending"><a class="sort" href="?window=7d&amp;sort=-name">' in html
    assert "No function has a name with this." in signed_in.get("/functions?q=nothing").text
    assert 'href="functions" aria-current="page"' in signed_in.get("/function?name=charge").text


def test_the_page_of_one_offers_to_run_it_and_shows_figures_before_an_empty_breaker(
    signed_in: httpx.Client,
) -> None:
    def places(name: str) -> tuple[int, int]:
        html = signed_in.get("/function", params={"name": name}).text
        assert ('href="tasks/new?task=send%2Fit&amp;module=shop.mail"' in html) is (name == "send/it")
        return html.index('id="function-tiles"'), html.index('id="function-breaker"')

    tiles, breaker = places("send/it")
    assert tiles < breaker
    signed_in.put("/api/v1/breakers/charge", json={"failures_in_row": 7}).raise_for_status()
    tiles, breaker = places("charge")
    assert breaker < tiles
