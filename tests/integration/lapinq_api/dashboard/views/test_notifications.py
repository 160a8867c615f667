"""The page of notification rules."""

import asyncio
from pathlib import Path

import httpx
import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.domain.webhooks.signature import SigningKeys
from lapinq_core.domain.webhooks.target import read_allowed
from lapinq_core.runtime.settings import Settings
from lapinq_scheduler.alerts.notifications import Notifications
from lapinq_scheduler.metrics import NotificationMetrics
from lapinq_scheduler.webhooks.guarded_network import GuardedNetwork
from lapinq_scheduler.webhooks.poster import Poster
from tests.support.http.certificate import self_signed
from tests.support.http.mail_server import mail_server

pytestmark = pytest.mark.http

RULES = "/api/v1/notify/rules"


async def send(database: str, certificate: Path) -> None:
    """Sends what is due, by a mail server with that certificate."""
    async with mail_server(certificate, begins_with_tls=True) as server:
        url = f"smtps://localhost:{server.port}"
        settings = Settings(database_url=database, smtp_url=url, mail_from="lapinq@example.org")
        pool = make_pool(database, "test", 2, timeout=10)
        poster = Poster(GuardedNetwork(read_allowed([])), SigningKeys(), max_at_once=1)
        await pool.open()
        try:
            await Notifications(pool, poster, settings, asyncio.Event(), NotificationMetrics()).send()
        finally:
            await poster.close()
            await pool.close()


def test_a_trial_says_that_the_certificate_of_the_mail_server_is_not_trusted(
    signed_in: httpx.Client, api_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"name": "On call", "kind": "mail", "addresses": ["lisa@example.org"], "events": ["backlog"]}
    path = f"{RULES}/{signed_in.post(RULES, json=values).json()['id']}/test"
    certificate, refusal = self_signed(tmp_path), "the certificate of localhost is not trusted"
    assert refusal not in signed_in.get("/admin/notifications").text
    signed_in.post(path)
    asyncio.run(send(api_database, certificate))
    page = signed_in.get("/admin/notifications").text
    assert page.count(f"{refusal}: self-signed certificate") == 2, "of the rule and of the notice"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    signed_in.post(path)
    asyncio.run(send(api_database, certificate))
    assert refusal not in signed_in.get("/admin/notifications").text
