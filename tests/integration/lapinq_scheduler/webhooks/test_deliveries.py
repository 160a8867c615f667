"""Webhooks on their way to a receiver that may take them or not."""

import logging
import re
import threading
import time
from datetime import datetime

import psycopg
import pytest

from lapinq_core.domain.webhooks.signature import read_keys, secret_of
from lapinq_core.monitoring.metrics import Metrics
from lapinq_scheduler.webhooks import deliveries, poster
from tests.integration.lapinq_scheduler.webhooks.conftest import arrived, failed_try, row_of
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.http.delivering import completed, delivering, failed, make_due, outbox
from tests.support.http.receiver import OTHER_SECRET, ROOT, SECRET, Received, Receiver, receiving


def test_the_end_of_a_task_is_told_signed(database: str, receiver: Receiver) -> None:
    with delivering(database, webhook_secret=(SECRET,)):
        (task,) = completed(database, f"{receiver.url}?a=b#c", queue_name="mail")
        row = arrived(database, task)
    (received,) = receiver.received
    assert received.path == "/hook?a=b"
    assert received.is_signed_with(SECRET)
    assert not received.is_signed_with(OTHER_SECRET)
    assert received.headers["content-type"] == "application/json"
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
    # Times are as the database writes them, without zeros at the end of the fraction.
    times = {name: received.told[name] for name in ("started_at", "finished_at")}
    assert all(text.endswith("+00:00") for text in times.values())
    assert received.told | {name: datetime.fromisoformat(text) for name, text in times.items()} == {
        "task_id": task,
        "status": "completed",
        "result": '"done"',
        "error": None,
        "event_id": str(row["id"]),
        "task_name": "add",
        "queue_name": "mail",
        "attempt": 1,
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "audience": f"http://127.0.0.1:{receiver.port}/hook?a=b",
    }
    assert received.event_id == str(row["id"])
    assert (row["answer"], row["tries"], row["failure"]) == (204, 1, None)


def test_a_failure_is_told_with_its_error_within_a_second(delivered: str, receiver: Receiver) -> None:
    completed(delivered, receiver.url)
    eventually(lambda: receiver.received)
    began = time.monotonic()
    failed(delivered, receiver.url)
    eventually(lambda: len(receiver.received) == 2)
    assert time.monotonic() - began < 2
    told = receiver.received[1].told
    assert (told["status"], told["result"], told["error"]) == ("failed", None, "ValueError: no")


def test_no_receiver_can_forge_or_replay_what_another_gets(database: str) -> None:
    """Nor can one that only knows the shared secret, which existing receivers go on checking."""
    with receiving() as one, receiving() as other, delivering(database, webhook_secret=(ROOT, SECRET)):
        for receiver in (one, other):
            completed(database, receiver.url.replace("127.0.0.1", "ada:pass@127.0.0.1") + "#part")
        eventually(lambda: one.received and other.received)
        keys = read_keys([ROOT])
        ones, others = (
            secret_of(keys.own(f"http://127.0.0.1:{receiver.port}")[0]) for receiver in (one, other)
        )
        for receiver, own, foreign in ((one, ones, others), (other, others, ones)):
            [received] = receiver.received
            assert received.is_signed_with(own)
            assert received.is_signed_with(SECRET)  # both sign
            assert not received.is_signed_with(foreign)
            assert not received.is_signed_with(ROOT.replace("whroot_", "whsec_"))
            assert received.told["audience"] == receiver.url


def test_only_listed_public_hosts_are_called(database: str, receiver: Receiver) -> None:
    with delivering(database, webhook_allow=("127.0.0.1",), webhook_allow_public=("hooks.example",)):
        completed(database, receiver.url)
        eventually(lambda: receiver.received)  # the list of public ones is not about private ones
        (task,) = completed(database, "http://1.1.1.1:9/")
        said = failed_try(database, task)["failure"]
        assert said == "1.1.1.1 is not in LAPINQ_WEBHOOK_ALLOW_PUBLIC"


def test_this_machine_is_not_called_unless_it_is_allowed(database: str, receiver: Receiver) -> None:
    with delivering(database, webhook_allow=()):
        for host in ("127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            (task,) = completed(database, receiver.url.replace("127.0.0.1", host))
            said = failed_try(database, task)["failure"]
            assert re.search("is private|has no address", said), (host, said)
    assert receiver.received == []


def test_user_and_password_of_the_url_are_sent_and_not_logged(
    delivered: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: (500, {})
    url = receiver.url.replace("127.0.0.1", "user:hunter2@127.0.0.1") + "?key=swordfish"
    (task,) = completed(delivered, url)
    failed_try(delivered, task)
    assert receiver.received[0].headers["authorization"] == "Basic dXNlcjpodW50ZXIy"
    eventually(lambda: f"127.0.0.1:{receiver.port}" in caplog.text)  # logged after the outcome is stored
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "hunter2" not in said
    assert "swordfish" not in said


def test_what_fails_is_tried_again_with_the_same_id(database: str, receiver: Receiver) -> None:
    with delivering(database, webhook_secret=(SECRET,)):
        receiver.answer = lambda _: (500, {})
        (task,) = completed(database, receiver.url)
        row = failed_try(database, task)
        assert (row["state"], row["answer"], row["failure"]) == ("pending", 500, "it answered 500")
        assert 2 < row["due_in"].total_seconds() < 7
        receiver.answer = lambda _: (200, {})
        make_due(database)
        row = arrived(database, task)
        first, second = receiver.received
        assert first.event_id == second.event_id
        assert second.is_signed_with(SECRET)
        assert (row["tries"], row["answer"], row["failure"]) == (2, 200, None)


def test_a_redirect_is_not_followed(delivered: str, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda _: (307, {"Location": elsewhere.url})
        (task,) = completed(delivered, receiver.url)
        said = failed_try(delivered, task)["failure"]
        assert said == "it answered 307, and redirects are not followed"
        assert elsewhere.received == []


def test_a_receiver_that_asks_for_time_gets_it_up_to_an_hour(delivered: str, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "86400"})
    (task,) = completed(delivered, receiver.url)
    assert 3500 < failed_try(delivered, task)["due_in"].total_seconds() <= 3600


def test_after_a_day_it_is_given_up(database: str, receiver: Receiver) -> None:
    receiver.answer = lambda _: (500, {})
    (task,) = completed(database, receiver.url)
    with psycopg.connect(database) as conn:
        conn.execute("UPDATE lapinq_webhooks SET retry_since = lapinq_now() - interval '1 day'")
    with delivering(database):
        eventually(lambda: row_of(database, task)["state"] == "given_up")
    assert len(receiver.received) == 1


def test_a_receiver_that_hangs_is_waited_for_so_long_only(
    delivered: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster, "WHOLE_SECONDS", 0.5)
    receiver.answer = receiver.hang
    (task,) = completed(delivered, receiver.url)
    row = failed_try(delivered, task)
    assert (row["state"], row["answer"], row["failure"]) == ("pending", None, "no answer within 0.5 s")


def test_what_can_not_be_reached_is_a_failure_in_words(delivered: str, receiver: Receiver) -> None:
    failures = {
        "http://127.0.0.1:1/": "127.0.0.1 refuses connections",
        "http://[fe80::1%25eth0]/": "the host is not a host name or address",
        "http://name.invalid/": "name.invalid has no address",
        receiver.url.replace("http:", "https:"): "no TLS connection to 127.0.0.1",
    }
    tasks = {url: completed(delivered, url)[0] for url in failures}
    assert {url: failed_try(delivered, task)["failure"] for url, task in tasks.items()} == failures


def test_two_deliverers_share_the_work(database: str, receiver: Receiver) -> None:
    with delivering(database), delivering(database):
        ids = completed(database, receiver.url, 50)
        eventually(lambda: {row["state"] for row in outbox(database)} == {"delivered"})
        assert sorted(received.told["task_id"] for received in receiver.received) == sorted(ids)
        assert {row["tries"] for row in outbox(database)} == {1}


def test_a_dead_receiver_with_many_waiting_does_not_hold_up_another(database: str) -> None:
    with receiving() as dead, receiving() as alive:
        dead.answer = dead.hang
        completed(database, dead.url, 100)
        with delivering(database):
            eventually(lambda: len(dead.received) == 4)
            (task,) = completed(database, alive.url)
            arrived(database, task, 5)
            assert len(dead.received) == 4
        dead.released.set()


def test_many_hosts_are_looked_at_a_part_at_a_time_and_all_get_their_turn(database: str) -> None:
    completed(database, "http://127.0.0.1:1/", 210)
    with psycopg.connect(database) as conn:
        # Each is this machine, which listens at none of them.
        conn.execute(
            "UPDATE lapinq_webhooks SET url = 'http://127.0.' || seq / 250 || '.' || seq % 250 + 1 || ':1/'"
        )
    with delivering(database, webhook_allow=("127.0.0.0/8",)):
        eventually(lambda: all(row["tries"] for row in outbox(database)), 120)


def test_a_lease_that_ran_out_is_taken_by_another_and_the_late_word_changes_nothing(
    database: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.1)
    with delivering(database):
        receiver.answer = lambda received: (
            receiver.hang(received) if len(receiver.received) == 1 else (200, {})
        )
        (task,) = completed(database, receiver.url)
        arrived(database, task)
        receiver.released.set()
        eventually(lambda: len(receiver.received) >= 2)
        assert row_of(database, task)["answer"] == 200
        assert len({received.event_id for received in receiver.received}) == 1


def test_what_is_on_its_way_at_the_stop_gets_a_while(database: str, receiver: Receiver) -> None:
    go_on = threading.Event()

    def wait(_: Received) -> tuple[int, dict[str, str]]:
        go_on.wait(10)
        return 204, {}

    receiver.answer = wait
    (task,) = completed(database, receiver.url)
    with delivering(database):
        eventually(lambda: receiver.received)
        threading.Timer(0.2, go_on.set).start()
    assert row_of(database, task)["state"] == "delivered"


def test_tries_are_counted_by_what_came_of_them_and_without_a_secret_they_are_unsigned(
    database: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    statuses = iter((500, 204, 410))

    def tries() -> list[float | None]:
        seen = Scraped(metrics.text()[0].decode())
        return [
            seen.value("lapinq_webhook_tries_total", outcome=outcome)
            for outcome in ("delivered", "failed", "given_up")
        ]

    with delivering(database, metrics):
        receiver.answer = lambda _: (next(statuses), {})
        eventually(metrics.collect)
        assert tries() == [0, 0, 0]
        completed(database, receiver.url)
        eventually(lambda: tries() == [0, 1, 0])
        make_due(database)
        eventually(lambda: tries() == [1, 1, 0])
        (gone,) = completed(database, receiver.url)
        eventually(lambda: tries() == [1, 1, 1])
        assert row_of(database, gone)["state"] == "given_up"
    assert all("webhook-signature" not in received.headers for received in receiver.received)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ["unsigned" in text for text in told] == [True, False], "it says so once"
    assert "given up" in told[1]
