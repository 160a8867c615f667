"""Writes the contents and dependencies of a lapinq wheel as a CycloneDX document: `python scripts/sbom.py WHEEL
SITE_PACKAGES >FILE`.

The versions are those installed in SITE_PACKAGES, which is filled from deploy/lock. The document lists lapinq's
dependencies without its extras, and the browser libraries inside the wheel, which a scan of installed packages does
not find. The same input gives the same bytes.
"""

import json
import os
import sys
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "lapinq"
VENDORED = "lapinq_api/static/vendor/vendored.json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/lapinq/lapinq")

Json = dict[str, Any]
Found = tuple[str, frozenset[str]]
"""A package and its requested extras."""


def document(wheel: Path, site_packages: Path) -> Json:
    found = distributions(path=[str(site_packages)])
    installed: dict[str, Distribution] = {canonicalize_name(each.name): each for each in found}
    edges = reachable(installed)
    own = component(installed[ROOT])
    own["hashes"] = [{"alg": "SHA-256", "content": digest(wheel)}]
    vendored = list(libraries(wheel))
    graph = {purl(installed[name]): sorted(purl(installed[each]) for each in edges[name]) for name in edges}
    graph[own["bom-ref"]] = sorted([*graph[own["bom-ref"]], *(each["bom-ref"] for each in vendored)])
    graph |= {each["bom-ref"]: [] for each in vendored}
    others = [component(installed[name]) for name in edges if name != ROOT]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest(wheel))}",
        "version": 1,
        "metadata": {"timestamp": built_at(), "component": own},
        "components": sorted([*others, *vendored], key=lambda each: each["bom-ref"]),
        "dependencies": [{"ref": ref, "dependsOn": graph[ref]} for ref in sorted(graph)],
    }


def reachable(installed: dict[str, Distribution]) -> dict[str, set[str]]:
    """The packages that lapinq depends on and lapinq itself, each with its own dependencies."""
    edges: dict[str, set[str]] = {}
    todo: list[Found] = [(ROOT, frozenset())]
    seen: set[Found] = set()
    while todo:
        found = todo.pop()
        if found in seen:
            continue
        seen.add(found)
        name, extras = found
        needed = list(needs(installed[name], extras))
        edges.setdefault(name, set()).update(each for each, _ in needed if each != name)
        todo += needed
    return edges


def needs(distribution: Distribution, extras: frozenset[str]) -> Iterator[Found]:
    """Its dependencies on this system, with those extras."""
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def component(distribution: Distribution) -> Json:
    about: Json = {
        "type": "library",
        "bom-ref": purl(distribution),
        "name": distribution.name,
        "version": distribution.version,
        "purl": purl(distribution),
    }
    if summary := value(distribution, "Summary"):
        about["description"] = summary
    if expression := value(distribution, "License-Expression"):
        about["licenses"] = [{"expression": expression}]
    elif named := value(distribution, "License") or classified(values(distribution, "Classifier")):
        about["licenses"] = [{"license": {"name": named.partition("\n")[0]}}]
    return about


def value(distribution: Distribution, field: str) -> str | None:
    """The value of that metadata field."""
    return next(iter(values(distribution, field)), None)


def values(distribution: Distribution, field: str) -> list[str]:
    """The values of a metadata field that may occur several times."""
    return distribution.metadata.get_all(field) or []


def classified(classifiers: list[str]) -> str | None:
    """The licence according to the classifiers, for packages that name it nowhere else."""
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    return " or ".join(named) or None


def libraries(wheel: Path) -> Iterator[Json]:
    """The browser libraries in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        listed = json.loads(archive.read(VENDORED))
    for each in listed:
        ref = f"pkg:npm/{each['package']}@{each['version']}"
        yield {
            "type": "library",
            "bom-ref": ref,
            "name": each["package"],
            "version": each["version"],
            "purl": ref,
            "licenses": [{"license": {"id": each["licence"]}}],
        }


def purl(distribution: Distribution) -> str:
    return f"pkg:pypi/{canonicalize_name(distribution.name)}@{distribution.version}"


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def built_at() -> str:
    """The time of the commit if SOURCE_DATE_EPOCH gives it; else now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    time = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    print(json.dumps(document(Path(sys.argv[1]), Path(sys.argv[2])), indent=2))
