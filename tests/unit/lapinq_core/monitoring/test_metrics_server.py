"""The server of the metrics: it answers, it is bounded, and it says why it can't."""

import logging
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.metrics_server import MAX_AT_ONCE, CannotServeMetrics, serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.settings import Settings
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually


@contextmanager
def serving(
    caplog: pytest.LogCaptureFixture, probes: Probes | None = None, host: str = "127.0.0.1"
) -> Generator[str]:
    """Where one serves on a free port, as its log says."""
    caplog.set_level(logging.INFO)
    settings = Settings(metrics_port=0, metrics_host=host)
    with serving_metrics(settings, Metrics(), probes or Probes(60.0)):
        [url] = re.findall(r"http://(?:127\.0\.0\.1|\[::1\]):\d+", caplog.text)
        yield url


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def get(url: str, accept: str = "*/*") -> httpx.Response:
    return httpx.get(url, headers={"Accept": accept}, trust_env=False)


def answers(url: str) -> bool:
    try:
        return get(f"{url}/metrics").status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_metrics_on_a_free_port_and_nothing_else_until_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(caplog) as url:
        plain = get(f"{url}/metrics")
        assert plain.status_code == 200
        assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "lapinq_build_info" in Scraped(plain.text).families
        other = get(f"{url}/metrics", "application/openmetrics-text")
        assert other.headers["content-type"].startswith("application/openmetrics-text")
        assert other.text.endswith("# EOF\n")
        assert get(f"{url}/").status_code == 404
        assert httpx.post(f"{url}/metrics", trust_env=False).status_code == 501
        head = httpx.head(f"{url}/metrics", trust_env=False)
        assert (head.status_code, head.content) == (200, b"")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(url)))


def test_probes_are_answered_beside_the_metrics(caplog: pytest.LogCaptureFixture) -> None:
    probes = Probes(60.0)
    with serving(caplog, probes) as url:

        def ask(path: str) -> tuple[int, dict[str, str]]:
            response = get(url + path)
            return response.status_code, response.json()

        assert ask("/livez") == (200, {"status": "ok"})
        reason = "it is starting, or waits for the database"
        assert ask("/readyz") == (503, {"status": "unready", "reason": reason})
        probes.started(lambda: None)
        assert ask("/readyz?verbose") == (200, {"status": "ready"})


def test_beyond_a_few_at_once_a_connection_is_closed_unanswered(caplog: pytest.LogCaptureFixture) -> None:
    with serving(caplog) as url:
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


def test_without_a_port_nothing_is_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving_metrics(Settings(), Metrics(), Probes(60.0)):
        assert caplog.text == ""


def test_a_port_that_is_taken_and_a_host_that_is_none_are_said_plainly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(caplog) as url:
        taken = (
            Settings(metrics_port=port_of(url)),
            rf"port {port_of(url)} of 127.0.0.1: address already in use",
        )
        nowhere = Settings(metrics_port=0, metrics_host="nowhere.invalid"), r"port 0 of nowhere\.invalid"
        for settings, told in (taken, nowhere):
            with (
                pytest.raises(CannotServeMetrics, match=told),
                serving_metrics(settings, Metrics(), Probes(60.0)),
            ):
                raise AssertionError("it served")


def test_it_serves_on_ipv6(caplog: pytest.LogCaptureFixture) -> None:
    try:
        with serving(caplog, host="::1") as url:
            assert answers(url)
    except CannotServeMetrics as error:
        pytest.skip(str(error))
