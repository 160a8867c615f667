"""`lapinq health`: the probes of an API and of the other programs."""

import logging
import re
from urllib.parse import urlsplit

import pytest

from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.metrics_server import serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.settings import Settings
from tests.support.programs.command_line import lapinq_at

pytestmark = pytest.mark.http


def health(*arguments: str, **env: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    done = lapinq_at((), "health", *arguments, env=env)
    return done.exit_code, (done.stdout if done.exit_code == 0 else done.stderr).strip()


def test_an_api_is_asked_where_the_settings_say(server_url: str) -> None:
    here = {"LAPINQ_PORT": str(urlsplit(server_url).port), "LAPINQ_HOST": "0.0.0.0"}
    assert health("api", **here) == (0, '{"status":"ok"}')
    assert health("api", "--ready", **here) == (0, '{"status":"ready"}')
    assert health("api", "--url", f"{server_url}/") == (0, '{"status":"ok"}')


def test_a_daemon_may_live_and_not_be_ready(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    probes = Probes(60.0)
    with serving_metrics(Settings(metrics_port=0), Metrics(), probes):
        found = re.search(r"http://127\.0\.0\.1:(\d+)", caplog.text)
        assert found
        for daemon in ("worker", "scheduler"):
            assert health(daemon, LAPINQ_METRICS_PORT=found[1]) == (0, '{"status": "ok"}')
            code, said = health(daemon, "--ready", LAPINQ_METRICS_PORT=found[1])
            assert code == 1
            assert re.search(r"answers 503: .*it is starting, or waits for the database", said)
        probes.started(lambda: None)
        assert health("worker", "--ready", LAPINQ_METRICS_PORT=found[1]) == (0, '{"status": "ready"}')
