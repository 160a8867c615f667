"""The doctor over HTTP. Who may ask is in `test_permissions`, what it finds in `tests/integration/doctor`."""

import asyncio

import httpx
import pytest

from lapinq_api.overload import examinations
from lapinq_api.overload.examinations import Examinations
from lapinq_core.doctor.examination import CHECKS
from lapinq_core.doctor.finding import Report
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve

pytestmark = pytest.mark.http


def statuses(client: httpx.Client) -> dict[str, str]:
    response = client.get("/api/v1/doctor")
    assert response.status_code == 200
    body = response.json()
    assert set(body["checks"][0]) == {"check", "status", "message", "remedy"}
    assert body["ok"] is False  # fsync is off in the tests
    return {one["check"]: one["status"] for one in body["checks"]}


def test_it_examines_the_database_and_the_settings_of_the_server(keyed: httpx.Client) -> None:
    found = statuses(keyed)
    assert tuple(found) == CHECKS
    assert (found["schema"], found["default_password"], found["open_api"]) == ("ok", "warning", "warning")


def test_it_answers_without_a_database(serve: Serve) -> None:
    client = serve(database_url="postgresql://lapinq@127.0.0.1:1/x", api_key="k" * 30)
    client.headers["X-API-Key"] = "k" * 30
    found = statuses(client)
    assert (found["database"], found["open_api"]) == ("error", "ok")


async def test_simultaneous_requests_share_an_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    async def counted(_: Settings) -> Report:
        nonlocal count
        count += 1
        await asyncio.sleep(0)
        return Report(ok=True, checks=[])

    monkeypatch.setattr(examinations, "examine", counted)
    shared = Examinations(Settings())
    reports = await asyncio.gather(*(shared.report() for _ in range(10)))
    reports.append(await shared.report())
    assert all(report is reports[0] for report in reports)
    monkeypatch.setattr(examinations, "FRESH_SECONDS", 0.0)
    shared = Examinations(Settings())
    assert await shared.report() is not await shared.report()
    assert count == 3
