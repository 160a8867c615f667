"""The Kubernetes manifests as they lie in deploy/k8s, read without kubectl."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
K8S = ROOT / "deploy" / "k8s"
BASE = K8S / "base"
COMPONENTS = K8S / "components"
OVERLAYS = K8S / "overlays"

Resource = dict[str, Any]


def kustomization(directory: Path) -> Resource:
    """The kustomization of a directory."""
    return yaml.safe_load((directory / "kustomization.yaml").read_text())


def resources(directory: Path) -> list[Resource]:
    """The resources in a directory itself."""
    return [
        resource
        for path in sorted(directory.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for resource in _read(path)
    ]


@cache
def _read(path: Path) -> list[Resource]:
    return [one for one in yaml.load_all(path.read_text(), yaml.CSafeLoader) if isinstance(one, dict)]


def everything() -> list[Resource]:
    """The resources of the base, of all components and all overlays."""
    return resources(K8S)


def find(kind: str, name: str, directory: Path = K8S) -> Resource:
    """The one resource of a kind and name."""
    found = [one for one in resources(directory) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, (kind, name, len(found))
    return found[0]


def literals(directory: Path) -> dict[str, dict[str, str]]:
    """What the ConfigMaps made in a directory say, by their names."""
    return {
        generator["name"]: dict(literal.split("=", 1) for literal in generator.get("literals", ()))
        for generator in kustomization(directory).get("configMapGenerator", ())
    }


def pods() -> Iterator[tuple[str, Resource]]:
    """The name and pod specification of everything that starts pods."""
    for resource in everything():
        if resource["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield resource["metadata"]["name"], resource["spec"]["template"]["spec"]


def container(deployment: str) -> Resource:
    """The one container of a Deployment or Job of the base."""
    (only,) = dict(pods())[deployment]["containers"]
    return only


def environment(deployment: str) -> dict[str, str]:
    """The environment of its container, without values that are known only when it runs."""
    only = container(deployment)
    maps = literals(BASE)
    given: dict[str, str] = {}
    for source in only["envFrom"]:
        given |= maps[source["configMapRef"]["name"]]
    return given | {one["name"]: one["value"] for one in only["env"] if "value" in one}


def patches(directory: Path) -> dict[tuple[str, str], list[Resource]]:
    """The JSON patches of a directory, by the kind and name they are for."""
    return {
        (patch["target"]["kind"], patch["target"]["name"]): yaml.safe_load(patch["patch"])
        for patch in kustomization(directory).get("patches", ())
        if "target" in patch and "patch" in patch
    }
