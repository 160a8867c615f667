"""Variables that look like settings and are none."""

import pytest

from lapinq_core.runtime.settings import SECRETS, Settings, variables
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LAPINQ_WORKER_CONCURENCY", "LAPINQ_WORKER_CONCURRENCY"),
        ("LAPINQ_CONCURRENCY", "LAPINQ_WORKER_CONCURRENCY"),
        ("LAPINQ_APIKEY", "LAPINQ_API_KEY"),
        ("LAPINQ_API_KEY_FLIE", "LAPINQ_API_KEY_FILE"),
        ("LAPINQ_PORT_FILE", "LAPINQ_PORT"),
        ("LAPINQ_DB_URL", "LAPINQ_URL"),
        ("LAPINQ_DATABASEURL", "LAPINQ_DATABASE_URL"),
        ("LAPINQ_loglevel", "LAPINQ_LOG_LEVEL"),
        ("LAPINQ_METRIC_PORT", "LAPINQ_METRICS_PORT"),
        ("LAPINQ_COLOUR_OF_THE_SKY", None),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_known_one(
    name: str, meant: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_unknown_variables({name: "1"})
    [message] = caplog.messages
    hint = f"; did you mean {meant}?" if meant else ""
    assert message == f"the variable {name} has no effect: lapinq has no such setting{hint}"


def test_known_variables_and_those_of_others_get_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    names = {name for field in Settings.__struct_fields__ for name in variables(field)}
    names |= {f"{name}_FILE" for field in SECRETS for name in variables(field)}
    names |= {"LAPINQ_URL", "LAPINQ_TEST_DATABASE_URL", "_LAPINQ_COMPLETE", "HOME", "LAPIN"}
    # Kubernetes sets these for a service called lapinq-api.
    kubernetes = {
        "LAPINQ_API_SERVICE_HOST": "10.0.0.7",
        "LAPINQ_API_SERVICE_PORT_HTTP": "8001",
        "LAPINQ_API_PORT": "tcp://10.0.0.7:8001",
        "LAPINQ_API_PORT_8001_TCP_PROTO": "tcp",
        "LAPINQ_SERVICE_PORT": "8001",
    }
    warn_of_unknown_variables(dict.fromkeys(names, "1") | kubernetes)
    assert caplog.messages == []
