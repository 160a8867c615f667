"""What compose.yaml says fits the programs, its files and its page."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lapinq_core.domain.webhooks.signature import read_keys
from lapinq_core.runtime.settings import SECRETS, Settings, load_settings, variable

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "compose.yaml"
TEXT = COMPOSE.read_text()
PAGE = (ROOT / "docs" / "operate" / "compose.md").read_text()
EXAMPLE = (ROOT / "deploy" / "compose" / "env.example").read_text()
DAEMONS = ("api", "worker", "scheduler", "all-in-one")

# A variable with its default, or with what is said where it is not set.
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


COMPOSED: dict[str, Any] = yaml.safe_load(
    VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "secrets", TEXT)
)
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
SECRET_FILES = {name: Path(secret["file"]).name for name, secret in COMPOSED["secrets"].items()}
MADE = {*SECRET_FILES.values(), "database_url.pgbouncer"}
PROFILES = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}


def seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return int(number) * {"s": 1, "m": 60}[unit]


# What runs


def test_without_a_profile_the_daemons_run_on_their_database_once_the_schema_is_there() -> None:
    daemons = {"api", "worker", "scheduler"}
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == daemons | {"postgres", "migrate"}
    assert {"all-in-one", "observability", "pooler"} == PROFILES
    assert [SERVICES[name]["deploy"]["replicas"] for name in ("worker", "scheduler")] == [2, 2]
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in daemons:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_little_fills_no_disk_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    if name != "postgres":
        assert service["read_only"] is True
        assert "cap_add" not in service
    check = service["healthcheck"]
    assert check == {"disable": True} if name == "migrate" else check["test"][0] == "CMD"
    if name in DAEMONS:
        assert seconds(service["stop_grace_period"]) > Settings().shutdown_grace + 10


def test_what_is_served_is_served_to_this_machine_alone() -> None:
    served = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(served) == len(set(served)) == 4
    for port in served:
        address, outside, inside = port.split(":")
        assert address == "127.0.0.1"
        assert min(int(outside), int(inside)) >= 1024
    assert "ports" not in SERVICES["postgres"]
    assert COMPOSED["networks"]["database"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["database"]


# Settings and secrets


def test_the_settings_can_be_read_with_the_secrets_that_the_script_makes(made: Path) -> None:
    plain = {variable(field) for field in Settings.__struct_fields__}
    files = {f"{variable(field)}_FILE" for field in SECRETS}
    for name in (*DAEMONS, "migrate"):
        given = SERVICES[name]["environment"]
        assert set(given) <= plain | files
        named = {Path(value) for key, value in given.items() if key in files}
        assert named == {Path("/run/secrets", secret) for secret in SERVICES[name]["secrets"]}
        environment = {
            key: str(made / SECRET_FILES[Path(value).name]) if key in files else value
            for key, value in given.items()
        }
        settings = load_settings(environment)
        password = (made / "postgres_password").read_text().strip()
        assert settings.database_url == f"postgresql://lapinq:{password}@postgres:5432/lapinq"
        if name in {"api", "all-in-one"}:
            assert (settings.host, settings.port) == ("0.0.0.0", 8001)
            assert settings.api_key
            assert settings.require_auth
        elif name != "migrate":
            assert (settings.metrics_host, settings.metrics_port) == ("0.0.0.0", 9100)
        if name in {"scheduler", "all-in-one"}:
            assert read_keys(settings.webhook_secret).roots  # so that each receiver has a secret of its own


def test_every_secret_is_used_and_explained_and_without_them_it_says_what_to_run() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(SECRET_FILES)
    readme = (ROOT / "deploy" / "compose" / "secrets" / "README.md").read_text()
    assert set(re.findall(r"^\| `([\w.]+)` \|", readme, re.MULTILINE)) == MADE
    [told] = [found[3] for found in VARIABLE.finditer(TEXT) if found[2] == "?"]
    assert "./scripts/compose-secrets" in told


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clone as Compose reads."""
    for name in ("compose.yaml", "scripts/compose-secrets", "deploy/compose/pgbouncer.ini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def made(clone: Path) -> Path:
    """The secrets that a first run of the script makes."""
    return make_secrets(clone)


def make_secrets(clone: Path) -> Path:
    subprocess.run([clone / "scripts" / "compose-secrets"], check=True, capture_output=True)
    return clone / "deploy" / "compose" / "secrets"


def test_the_script_makes_each_secret_once_which_containers_can_read_and_others_on_the_host_cannot(
    clone: Path, made: Path
) -> None:
    files = {path.name: path.read_text() for path in made.iterdir()}
    assert set(files) == MADE
    assert len(set(files.values())) == len(files)
    assert made.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o644}
    assert (clone / ".env").read_text() == "SECRETS_DIR=./deploy/compose/secrets\n"
    make_secrets(clone)
    assert {path.name: path.read_text() for path in made.iterdir()} == files
    assert (clone / ".env").read_text().count("SECRETS_DIR") == 1


def test_the_script_leaves_what_stands_in_env(clone: Path) -> None:
    (clone / ".env").write_text("WORKER_REPLICAS=3")
    make_secrets(clone)
    assert (clone / ".env").read_text() == "WORKER_REPLICAS=3\nSECRETS_DIR=./deploy/compose/secrets\n"


# Files beside it


def test_what_is_built_and_mounted_from_here_is_here() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} <= set(stages)
    mounted = {
        mount.split(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if mount.startswith(".")
    }
    assert {name for name in mounted if not (ROOT / name).exists()} == set()


def test_prometheus_asks_every_daemon_where_it_serves_its_metrics() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text())
    asked = {
        name: found["port"]
        for job in config["scrape_configs"]
        for found in job["dns_sd_configs"]
        for name in found["names"]
    }
    assert asked == {"api": 8001, "all-in-one": 8001, "worker": 9100, "scheduler": 9100}


# The page


def test_the_page_tells_of_every_service_and_profile() -> None:
    table = PAGE.partition("## What runs")[2].partition("\n## ")[0]
    for name, service in SERVICES.items():
        row = next(line for line in table.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert all(f"`{profile}`" in row for profile in service.get("profiles", ()))
    assert all(re.search(rf"(--profile |COMPOSE_PROFILES=){profile}\b", PAGE) for profile in PROFILES)


def test_the_example_has_every_variable_with_its_default() -> None:
    defaults = {found[1]: found[3] for found in VARIABLE.finditer(TEXT) if found[2] == "-"}
    listed = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert listed.pop("COMPOSE_PROFILES") == ""
    settings = {variable(field) for field in Settings.__struct_fields__}
    ours = {name: value for name, value in listed.items() if name not in settings}
    assert ours == defaults | {"SECRETS_DIR": "./deploy/compose/secrets"}
    assert {name for name in listed if name.startswith("LAPINQ_")} <= settings


# What Compose makes of it

DOCKER_COMPOSE = shutil.which("docker-compose")


def config(clone: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """What Compose makes of it."""
    done = compose(clone, *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def compose(clone: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    assert DOCKER_COMPOSE
    return subprocess.run(
        [DOCKER_COMPOSE, *arguments, "config", "--format", "json"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


needs_compose = pytest.mark.skipif(DOCKER_COMPOSE is None, reason="there is no docker-compose")


@needs_compose
def test_compose_says_what_to_run_first(clone: Path) -> None:
    done = compose(clone)
    assert done.returncode != 0
    assert "./scripts/compose-secrets" in done.stderr


@needs_compose
@pytest.mark.usefixtures("made")
def test_compose_reads_it_with_each_profile_and_what_is_set_in_env_reaches_the_daemons(clone: Path) -> None:
    for profile in ("", *sorted(PROFILES)):
        composed = config(clone, COMPOSE_PROFILES=profile)
        expected = {name for name, one in SERVICES.items() if profile in one.get("profiles", [profile])}
        assert set(composed["services"]) == expected
    with (clone / ".env").open("a") as file:
        file.write("LAPINQ_KEEP=30d\nLAPINQ_PORT=99\nWORKER_REPLICAS=7\nDATABASE=pgbouncer\n")
    composed = config(clone, "--profile", "pooler")
    services, secrets = composed["services"], composed["secrets"]
    for name in ("api", "worker", "scheduler"):
        assert services[name]["environment"]["LAPINQ_KEEP"] == "30d"
    assert services["api"]["environment"]["LAPINQ_PORT"] == "8001"
    assert services["worker"]["deploy"]["replicas"] == 7
    assert secrets["database_url"]["file"].endswith("/database_url.pgbouncer")
    assert secrets["direct_database_url"]["file"].endswith("/database_url.postgres")


@needs_compose
@pytest.mark.usefixtures("made")
def test_the_page_shows_how_to_run_an_image_of_your_own(clone: Path) -> None:
    shown = re.search(r"```yaml\n(services:\n  worker:.*?)```", PAGE, re.DOTALL)
    assert shown
    (clone / "compose.override.yaml").write_text(shown[1])
    worker = config(clone)["services"]["worker"]
    assert worker["image"] == "registry.example.com/shop-worker:7"
    assert "build" not in worker
    assert not worker.get("volumes")
