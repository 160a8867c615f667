"""Webhooks to what does not behave as a server should."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from lapinq_scheduler.webhooks.receivers import MAX_AT_ONCE
from tests.integration.lapinq_scheduler.webhooks.conftest import arrived, failed_try
from tests.support.eventually import eventually
from tests.support.http.delivering import completed, delivering, outbox


@contextmanager
def answering(*parts: bytes, until: Callable[[], object] = lambda: None) -> Generator[str]:
    """The URL of a server that sends `parts` whatever it is asked, and then calls `until` before it hangs up."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                except OSError:
                    continue
                until()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_any_number_of_hosts_that_never_answer_do_not_hold_up_one_that_does(database: str) -> None:
    # Connected, and never heard: as many hosts as there are addresses of this machine.
    with (
        socket.create_server(("0.0.0.0", 0), backlog=200) as silent,
        answering(b"HTTP/1.1 204 No Content\r\n\r\n") as url,
        delivering(database, webhook_allow=("127.0.0.0/8",)),
    ):
        (first,) = completed(database, url)
        arrived(database, first)
        for number in range(1, 41):
            completed(database, f"http://127.1.0.{number}:{silent.getsockname()[1]}/")
        eventually(lambda: sum(row["tries"] for row in outbox(database)) > MAX_AT_ONCE // 2)
        (second,) = completed(database, url)
        arrived(database, second, 5)


def test_a_body_without_end_is_not_read_to_its_end(delivered: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    taken = threading.Event()
    with answering(head, *[b"x" * 65536] * 256, until=taken.set) as url:
        (task,) = completed(delivered, url)
        arrived(delivered, task)
    assert not taken.is_set(), "all 16 MB were read"


def test_a_body_that_does_not_come_is_not_waited_for(delivered: str) -> None:
    done = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    with answering(head, until=lambda: done.wait(30)) as url:
        (task,) = completed(delivered, url)
        arrived(delivered, task, 5)
        done.set()


def test_provisional_answers_without_end_are_not_read_until_the_time_is_up(delivered: str) -> None:
    flood = [b"HTTP/1.1 100 Continue\r\n\r\n" * 2600] * 2000
    with answering(*flood) as url:
        (task,) = completed(delivered, url)
        assert failed_try(delivered, task, 10)["failure"] == "the response is not HTTP"


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000],
    ids=["nothing", "nonsense", "no status", "a header without end"],
)
def test_what_is_no_answer_is_a_failure(delivered: str, answer: bytes) -> None:
    with answering(answer) as url:
        (task,) = completed(delivered, url)
        failures = {"the response is not HTTP", "the connection broke before a response arrived"}
        assert failed_try(delivered, task)["failure"] in failures
