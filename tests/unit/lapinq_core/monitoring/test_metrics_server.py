"""The server of the metrics: it answers, it is bounded, and it says why it can't."""

import logging
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.metrics_server import MAX_AT_ONCE, CannotServeMetrics, serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.settings import Settings
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually


@pytest.fixture
def url(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """Where one serves on a free port."""
    caplog.set_level(logging.INFO)
    with serving_metrics(Settings(metrics_port=0), Metrics(), Probes(60.0)):
        found = re.search(r"http://127\.0\.0\.1:\d+", caplog.text)
        assert found, caplog.text
        yield found[0]


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def test_it_serves_on_a_free_port_that_the_log_names(url: str) -> None:
    response = httpx.get(f"{url}/metrics", trust_env=False)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "lapinq_build_info" in Scraped(response.text).families


def test_it_serves_nothing_else(url: str) -> None:
    assert httpx.get(f"{url}/", trust_env=False).status_code == 404
    assert httpx.post(f"{url}/metrics", trust_env=False).status_code == 501
    head = httpx.head(f"{url}/metrics", trust_env=False)
    assert (head.status_code, head.content) == (200, b"")


def test_probes_are_answered_beside_the_metrics(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    probes = Probes(60.0)
    with serving_metrics(Settings(metrics_port=0), Metrics(), probes):
        found = re.search(r"http://127\.0\.0\.1:\d+", caplog.text)
        assert found, caplog.text

        def ask(path: str) -> tuple[int, dict[str, str]]:
            response = httpx.get(f"{found[0]}{path}", trust_env=False)
            return response.status_code, response.json()

        assert ask("/livez") == (200, {"status": "ok"})
        reason = "it is starting, or waits for the database"
        assert ask("/readyz") == (503, {"status": "unready", "reason": reason})
        probes.started(lambda: None)
        assert ask("/readyz?verbose") == (200, {"status": "ready"})


def test_openmetrics_is_given_to_whoever_asks_for_it(url: str) -> None:
    accept = {"Accept": "application/openmetrics-text"}
    response = httpx.get(f"{url}/metrics", headers=accept, trust_env=False)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_beyond_a_few_at_once_a_connection_is_closed_unanswered(url: str) -> None:
    silent = [socket.create_connection(("127.0.0.1", port_of(url))) for _ in range(MAX_AT_ONCE)]
    try:

        def is_closed() -> bool:
            with socket.create_connection(("127.0.0.1", port_of(url)), timeout=2) as one:
                one.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                try:
                    return one.recv(1) == b""
                except ConnectionResetError:
                    return True

        eventually(is_closed)
    finally:
        for each in silent:
            each.close()
    eventually(lambda: answers(url))


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/metrics", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_nothing_listens_after_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving_metrics(Settings(metrics_port=0), Metrics(), Probes(60.0)):
        url = re.findall(r"http://[\d.]+:\d+", caplog.text)[-1]
        assert answers(url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(url)))


def test_without_a_port_nothing_is_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving_metrics(Settings(), Metrics(), Probes(60.0)):
        assert caplog.text == ""


def test_a_port_that_is_taken_is_said_plainly(url: str) -> None:
    with (
        pytest.raises(CannotServeMetrics, match=rf"port {port_of(url)} of 127.0.0.1: address already in use"),
        serving_metrics(Settings(metrics_port=port_of(url)), Metrics(), Probes(60.0)),
    ):
        raise AssertionError("it served on a port that is taken")


def test_a_host_that_is_none_is_said_plainly() -> None:
    with (
        pytest.raises(CannotServeMetrics, match=r"port 0 of nowhere\.invalid"),
        serving_metrics(Settings(metrics_port=0, metrics_host="nowhere.invalid"), Metrics(), Probes(60.0)),
    ):
        raise AssertionError("it served on a host that is none")


def test_it_serves_on_ipv6(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    try:
        with serving_metrics(Settings(metrics_port=0, metrics_host="::1"), Metrics(), Probes(60.0)):
            found = re.search(r"http://\[::1\]:\d+", caplog.text)
            assert found, caplog.text
            assert answers(found[0])
    except CannotServeMetrics as error:
        pytest.skip(str(error))
