"""Webhooks on their way to a receiver that may take them or not."""

import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import psycopg
import pytest

from lapinq_core.domain.webhooks.signature import read_keys, secret_of
from lapinq_core.monitoring.metrics import Metrics
from lapinq_scheduler.webhooks import deliveries, poster
from tests.support.database.postgres import private_database
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.http.delivering import completed, delivering, failed, make_due, outbox
from tests.support.http.receiver import OTHER_SECRET, ROOT, SECRET, Received, Receiver, receiving


@pytest.fixture(scope="module")
def delivered(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database whose webhooks are delivered, to this machine too."""
    with private_database(postgres_url, template_database) as database, delivering(database):
        yield database


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def state_of(database: str, task: str) -> str:
    (row,) = outbox(database, task)
    return row["state"]


def is_delivered(database: str, task: str) -> bool:
    return state_of(database, task) == "delivered"


def failure_of(database: str, task: str) -> str | None:
    (row,) = outbox(database, task)
    return row["failure"]


def test_the_end_of_a_task_is_told_signed(database: str) -> None:
    with receiving() as receiver, delivering(database, webhook_secret=(SECRET,)):
        (task,) = completed(database, f"{receiver.url}?a=b#c", queue_name="mail")
        eventually(lambda: state_of(database, task) == "delivered")
        (received,) = receiver.received
        assert received.path == "/hook?a=b"
        assert received.is_signed_with(SECRET)
        assert not received.is_signed_with(OTHER_SECRET)
        assert received.headers["content-type"] == "application/json"
        assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
        (row,) = outbox(database, task)
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


def test_a_failure_is_told_with_its_error(delivered: str, receiver: Receiver) -> None:
    task = failed(delivered, receiver.url)
    eventually(lambda: state_of(delivered, task) == "delivered")
    told = receiver.received[0].told
    assert (told["status"], told["result"], told["error"]) == ("failed", None, "ValueError: no")


def test_a_webhook_arrives_within_a_second(delivered: str, receiver: Receiver) -> None:
    completed(delivered, receiver.url)
    eventually(lambda: receiver.received)
    began = time.monotonic()
    completed(delivered, receiver.url)
    eventually(lambda: len(receiver.received) == 2)
    assert time.monotonic() - began < 2


def test_while_secrets_change_both_sign(database: str) -> None:
    with receiving() as receiver, delivering(database, webhook_secret=(SECRET, OTHER_SECRET)):
        completed(database, receiver.url)
        eventually(lambda: receiver.received)
        assert receiver.received[0].is_signed_with(SECRET)
        assert receiver.received[0].is_signed_with(OTHER_SECRET)


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
            assert received.is_signed_with(SECRET)
            assert not received.is_signed_with(foreign)
            assert not received.is_signed_with(ROOT.replace("whroot_", "whsec_"))
            assert received.told["audience"] == receiver.url


def test_only_listed_public_hosts_are_called(database: str) -> None:
    with (
        receiving() as receiver,
        delivering(database, webhook_allow=("127.0.0.1",), webhook_allow_public=("hooks.example",)),
    ):
        completed(database, receiver.url)
        eventually(lambda: receiver.received)  # the list of public ones is not about private ones
        (task,) = completed(database, "http://1.1.1.1:9/")
        failure = eventually(partial(failure_of, database, task))
        assert failure == "1.1.1.1 is not in LAPINQ_WEBHOOK_ALLOW_PUBLIC"


def test_without_a_secret_it_is_sent_unsigned_and_the_log_says_so_once(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver, delivering(database):
        for _ in range(2):
            (task,) = completed(database, receiver.url)
            eventually(partial(is_delivered, database, task))
        assert "webhook-signature" not in receiver.received[0].headers
        assert [record.levelno for record in caplog.records if "unsigned" in record.getMessage()] == [
            logging.WARNING
        ]


def test_user_and_password_of_the_url_are_sent_and_not_logged(
    delivered: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: (500, {})
    url = receiver.url.replace("127.0.0.1", "user:hunter2@127.0.0.1") + "?key=swordfish"
    (task,) = completed(delivered, url)
    eventually(lambda: outbox(delivered, task)[0]["failure"])
    assert receiver.received[0].headers["authorization"] == "Basic dXNlcjpodW50ZXIy"
    eventually(lambda: f"127.0.0.1:{receiver.port}" in caplog.text)  # logged after the outcome is stored
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "hunter2" not in said
    assert "swordfish" not in said


def test_what_fails_is_tried_again_with_the_same_id(database: str) -> None:
    with receiving() as receiver, delivering(database, webhook_secret=(SECRET,)):
        receiver.answer = lambda _: (500, {})
        (task,) = completed(database, receiver.url)
        eventually(lambda: outbox(database, task)[0]["failure"])
        (row,) = outbox(database, task)
        assert (row["state"], row["answer"], row["failure"]) == ("pending", 500, "it answered 500")
        assert 2 < row["due_in"].total_seconds() < 7
        receiver.answer = lambda _: (200, {})
        make_due(database)
        eventually(lambda: state_of(database, task) == "delivered")
        first, second = receiver.received
        assert first.event_id == second.event_id
        assert second.is_signed_with(SECRET)
        (row,) = outbox(database, task)
        assert (row["tries"], row["answer"], row["failure"]) == (2, 200, None)


def test_a_redirect_is_not_followed(delivered: str, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda _: (307, {"Location": elsewhere.url})
        (task,) = completed(delivered, receiver.url)
        eventually(lambda: outbox(delivered, task)[0]["failure"])
        assert outbox(delivered, task)[0]["failure"] == "it answered 307, and redirects are not followed"
        assert elsewhere.received == []


def test_a_receiver_that_is_gone_is_not_asked_again(
    delivered: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: (410, {})
    (task,) = completed(delivered, receiver.url)
    eventually(lambda: state_of(delivered, task) == "given_up")
    eventually(lambda: any("given up" in record.getMessage() for record in caplog.records))


def test_a_receiver_that_asks_for_time_gets_it_up_to_an_hour(delivered: str, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "86400"})
    (task,) = completed(delivered, receiver.url)
    eventually(lambda: outbox(delivered, task)[0]["failure"])
    assert 3500 < outbox(delivered, task)[0]["due_in"].total_seconds() <= 3600


def test_after_a_day_it_is_given_up(database: str) -> None:
    with receiving() as receiver:
        receiver.answer = lambda _: (500, {})
        (task,) = completed(database, receiver.url)
        with psycopg.connect(database) as conn:
            conn.execute("UPDATE lapinq_webhooks SET retry_since = lapinq_now() - interval '1 day'")
        with delivering(database):
            eventually(lambda: state_of(database, task) == "given_up")
        assert len(receiver.received) == 1


def test_a_receiver_that_hangs_is_waited_for_so_long_only(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster, "WHOLE_SECONDS", 0.5)
    with receiving() as receiver, delivering(database):
        receiver.answer = receiver.hang
        (task,) = completed(database, receiver.url)
        eventually(lambda: outbox(database, task)[0]["failure"])
        (row,) = outbox(database, task)
        assert (row["state"], row["answer"], row["failure"]) == ("pending", None, "no answer within 0.5 s")


def test_this_machine_is_not_called_unless_it_is_allowed(database: str) -> None:
    with receiving() as receiver, delivering(database, webhook_allow=()):
        for host in ("127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            (task,) = completed(database, receiver.url.replace("127.0.0.1", host))
            failure = eventually(partial(failure_of, database, task))
            assert re.search("is private|has no address", failure or ""), (host, failure)
        assert receiver.received == []


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://127.0.0.1:1/", "127.0.0.1 refuses connections"),
        ("http://[fe80::1%25eth0]/", "the host is not a host name or address"),
        ("http://name.invalid/", "name.invalid has no address"),
    ],
)
def test_what_can_not_be_reached_is_a_failure_in_words(delivered: str, url: str, failure: str) -> None:
    (task,) = completed(delivered, url)
    assert eventually(lambda: outbox(delivered, task)[0]["failure"]) == failure


def test_a_server_that_does_not_speak_tls_or_http_is_a_failure_in_words(
    delivered: str, receiver: Receiver
) -> None:
    (task,) = completed(delivered, receiver.url.replace("http:", "https:"))
    assert eventually(lambda: outbox(delivered, task)[0]["failure"]) == "no TLS connection to 127.0.0.1"


def test_two_deliverers_share_the_work(database: str) -> None:
    with receiving() as receiver, delivering(database), delivering(database):
        ids = completed(database, receiver.url, 100)
        eventually(lambda: {row["state"] for row in outbox(database)} == {"delivered"}, 30)
        assert sorted(received.told["task_id"] for received in receiver.received) == sorted(ids)
        assert {row["tries"] for row in outbox(database)} == {1}


def test_a_dead_receiver_with_many_waiting_does_not_hold_up_another(database: str) -> None:
    with receiving() as dead, receiving() as alive:
        dead.answer = dead.hang
        completed(database, dead.url, 200)
        with delivering(database):
            eventually(lambda: len(dead.received) == 4)
            (task,) = completed(database, alive.url)
            eventually(lambda: state_of(database, task) == "delivered", 5)
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
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "LEASE_SECONDS", 0.1)
    with receiving() as receiver, delivering(database):
        receiver.answer = lambda received: (
            receiver.hang(received) if len(receiver.received) == 1 else (200, {})
        )
        (task,) = completed(database, receiver.url)
        eventually(lambda: state_of(database, task) == "delivered")
        receiver.released.set()
        eventually(lambda: len(receiver.received) >= 2)
        (row,) = outbox(database, task)
        assert row["answer"] == 200
        assert len({received.event_id for received in receiver.received}) == 1


def test_what_is_on_its_way_at_the_stop_gets_a_while(database: str) -> None:
    with receiving() as receiver:
        go_on = threading.Event()

        def wait(_: Received) -> tuple[int, dict[str, str]]:
            go_on.wait(10)
            return 204, {}

        receiver.answer = wait
        (task,) = completed(database, receiver.url)
        with delivering(database):
            eventually(lambda: receiver.received)
            threading.Timer(0.2, go_on.set).start()
        assert state_of(database, task) == "delivered"


def test_tries_are_counted_by_what_came_of_them(database: str) -> None:
    metrics = Metrics()
    statuses = iter((500, 204, 410))

    def tries() -> list[float | None]:
        seen = Scraped(metrics.text()[0].decode())
        return [
            seen.value("lapinq_webhook_tries_total", outcome=outcome)
            for outcome in ("delivered", "failed", "given_up")
        ]

    with receiving() as receiver, delivering(database, metrics):
        receiver.answer = lambda _: (next(statuses), {})
        eventually(metrics.collect)
        assert tries() == [0, 0, 0]
        completed(database, receiver.url)
        eventually(lambda: tries() == [0, 1, 0])
        make_due(database)
        eventually(lambda: tries() == [1, 1, 0])
        completed(database, receiver.url)
        eventually(lambda: tries() == [1, 1, 1])
