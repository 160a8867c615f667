"""Whoever delivers webhooks is killed between sending one and noting it."""

import signal

import pytest

from tests.support.eventually import eventually
from tests.support.http.delivering import completed, make_due, outbox
from tests.support.http.receiver import SECRET, receiving
from tests.support.programs.processes import ApiProcess, Program

pytestmark = pytest.mark.slow

ENVIRONMENT = {"LAPINQ_WEBHOOK_ALLOW": "127.0.0.1", "LAPINQ_WEBHOOK_SECRET": SECRET}


def test_a_webhook_whose_outcome_was_never_noted_is_sent_again_with_the_same_id(database: str) -> None:
    with receiving() as receiver, ApiProcess(database, env=ENVIRONMENT) as server:
        receiver.answer = receiver.hang
        (task,) = completed(database, receiver.url)
        eventually(lambda: receiver.received, 30)
        server.kill()
        (row,) = outbox(database, task)
        assert (row["state"], row["tries"]) == ("pending", 1)
        assert 0 < row["due_in"].total_seconds() <= 30

        receiver.answer = lambda _: (204, {})
        make_due(database)
        with Program("scheduler", "--database-url", database, env=ENVIRONMENT) as scheduler:
            eventually(lambda: outbox(database, task)[0]["state"] == "delivered", 30)
            scheduler.signal(signal.SIGTERM)
            assert scheduler.wait() == 0
        first, second = receiver.received
        assert first.event_id == second.event_id
        assert first.told == second.told
        assert second.is_signed_with(SECRET)
