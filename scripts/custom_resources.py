"""Validates the custom resources among the manifests on standard input, with the models from PyPI.

kubernetes-validate checks Kubernetes' own resources. This script names the kinds without a model, and fails if a
resource does not fit, or has a field that its model doesn't know.
"""

import importlib
import sys
from typing import Any, cast

import yaml

# Comes with the models, so type checkers have no environment with it.
pydantic: Any = importlib.import_module("pydantic")

MODELS = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
OF_KUBERNETES = (".k8s.io/", "apps/", "autoscaling/", "batch/", "policy/")


def main() -> int:
    """Prints a line per resource, and returns the exit code."""
    problems = 0
    for resource in yaml.safe_load_all(sys.stdin):
        version, kind, name = resource["apiVersion"], resource["kind"], resource["metadata"]["name"]
        if "/" not in version or any(part in version for part in OF_KUBERNETES):
            continue
        if (model := model_of(version, kind)) is None:
            print(f"skipped: there is no model for {version} {kind} ({name})")
            continue
        found = [*problems_of(model, resource)]
        problems += len(found)
        for problem in found:
            print(f"{kind} {name}: {problem}")
        if not found:
            print(f"{kind} {name} fits {version}")
    return 1 if problems else 0


def model_of(version: str, kind: str) -> Any:
    """The model of a kind; None if there is none."""
    if version not in MODELS:
        return None
    return getattr(importlib.import_module(MODELS[version]), kind, None)


def problems_of(model: Any, resource: Any) -> list[str]:
    """What does not fit: values of the wrong kind, and fields that would be dropped."""
    try:
        kept = model.model_validate(resource).model_dump(by_alias=True, exclude_unset=True, mode="json")
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return [f"unknown field {path}" for path in dropped(resource, kept, "")]


def dropped(given: Any, kept: Any, path: str) -> list[str]:
    """The paths of `given` that are not in `kept`."""
    others = members(kept)
    return [
        lost
        for key, value in members(given).items()
        for lost in (dropped(value, others[key], f"{path}.{key}") if key in others else [f"{path}.{key}"])
    ]


def members(value: Any) -> dict[Any, Any]:
    """The items of an object or a list, by key or index."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    return dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}


if __name__ == "__main__":
    sys.exit(main())
