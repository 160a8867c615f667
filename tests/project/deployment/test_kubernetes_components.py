"""The components in deploy/k8s fit the base, lapinq and what they are copies of."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from starlette.routing import Route, WebSocketRoute

from lapinq_api.app import build_app
from lapinq_core.db import pool
from lapinq_core.runtime.settings import Settings, SettingsError, load_settings
from tests.support.deployment.manifests import (
    COMPONENTS,
    ROOT,
    container,
    environment,
    find,
    literals,
    patches,
    pods,
    resources,
)

PODS = dict(pods())
SECRETS_PATH = "/run/secrets/lapinq"


def test_scaling_in_lets_a_task_of_the_usual_time_limit_end() -> None:
    given = environment("lapinq-worker") | literals(COMPONENTS / "keda")["lapinq-worker"]
    settings = load_settings({name: value for name, value in given.items() if name != "DATABASE_URL_FILE"})
    assert settings.shutdown_grace >= settings.worker_timeout + settings.time_limit_grace
    (grace,) = [
        step["value"]
        for step in patches(COMPONENTS / "keda")["Deployment", "lapinq-worker"]
        if step["path"].endswith("/terminationGracePeriodSeconds")
    ]
    assert grace >= settings.shutdown_grace + 15


def test_those_who_stay_have_a_place_for_all_that_runs() -> None:
    (trigger,) = find("ScaledObject", "lapinq-worker")["spec"]["triggers"]
    places = environment("lapinq-worker")["LAPINQ_WORKER_CONCURRENCY"]
    assert trigger["metadata"]["targetQueryValue"] == places


def test_no_network_is_trusted_until_somebody_names_it() -> None:
    given = environment("lapinq-api") | literals(COMPONENTS / "ingress")["lapinq-api"]
    with pytest.raises(SettingsError, match=r"LAPINQ_TRUSTED_PROXIES.*ingress-controller"):
        load_settings({name: value for name, value in given.items() if not name.endswith("_FILE")})


def test_what_is_for_the_inside_is_not_reached_through_the_ingress() -> None:
    [ingress] = [one for one in resources(COMPONENTS / "ingress") if one["kind"] == "Ingress"]
    [rule] = ingress["spec"]["rules"]
    exact = {one["path"] for one in rule["http"]["paths"] if one["pathType"] == "Exact"}
    below = {one["path"] for one in rule["http"]["paths"] if one["pathType"] == "Prefix"}

    def is_reached(path: str) -> bool:
        return path in exact or any(f"{path}/".startswith(f"{prefix}/") for prefix in below)

    paths = {
        route.path for route in build_app(Settings()).routes if isinstance(route, Route | WebSocketRoute)
    }
    kept = {"/metrics", "/docs", "/openapi.json", "/health", "/livez", "/readyz"}
    assert {path for path in paths if not is_reached(path)} == kept


def test_the_pooler_sets_what_lapinq_sets_on_its_connections() -> None:
    text = (COMPONENTS / "pooler" / "databases.ini").read_text()
    found = re.search(r"connect_query='([^']*)'", text)
    assert found
    given = dict(one.removeprefix("SET ").split(" = ") for one in found[1].split("; "))
    assert given == {
        "statement_timeout": f"{pool.STATEMENT_TIMEOUT_SECONDS * 1000:.0f}",
        "lock_timeout": f"{pool.LOCK_TIMEOUT_SECONDS * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{pool.IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
        "timezone": "UTC",
        "default_transaction_isolation": f'"{pool.ISOLATION}"',
    }


def test_the_pooler_keeps_as_many_statements_as_lapinq_prepares(sync_conn: psycopg.Connection) -> None:
    text = (COMPONENTS / "pooler" / "pgbouncer.ini").read_text()
    found = re.search(r"^max_prepared_statements = (\d+)$", text, re.MULTILINE)
    assert found
    assert sync_conn.prepared_max is not None
    assert int(found[1]) >= sync_conn.prepared_max
    assert "\npool_mode = transaction\n" in text


def test_the_pooler_is_set_up_as_that_of_compose_is() -> None:
    assert own_settings(COMPONENTS / "pooler" / "pgbouncer.ini") == own_settings(
        ROOT / "deploy" / "compose" / "pgbouncer.ini"
    )


def own_settings(path: Path) -> dict[str, str]:
    """What it says of the pooler itself, but for where its users are."""
    lines = path.read_text().partition("\n[pgbouncer]\n")[2].splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip() != "auth_file"}


def test_those_who_go_through_the_pooler_listen_to_the_database_itself() -> None:
    steps: list[Any] = yaml.safe_load((COMPONENTS / "pooler" / "through-the-pooler.yaml").read_text())
    values = [step["value"] for step in steps]
    assert {"name": "DATABASE_URL_FILE", "value": f"{SECRETS_PATH}/pooler_database_url"} in values
    assert {"name": "LAPINQ_LISTEN_DATABASE_URL_FILE", "value": f"{SECRETS_PATH}/database_url"} in values
    for name in ("lapinq-api", "lapinq-scheduler"):
        assert container(name)["env"][0]["name"] == "DATABASE_URL_FILE", "it is replaced by its place"
        assert PODS[name]["volumes"][0]["secret"]["secretName"] == "lapinq"


def test_the_operators_rules_are_ours() -> None:
    rules = ROOT / "deploy" / "prometheus" / "lapinq.rules.yml"
    made = find("PrometheusRule", "lapinq")["spec"]
    assert made == yaml.safe_load(rules.read_text()), "run scripts/rules"
