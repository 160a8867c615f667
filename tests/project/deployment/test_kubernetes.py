"""The manifests in deploy/k8s fit lapinq, its settings and each other. Whether Kubernetes takes them is looked at by
./scripts/check --deploy.
"""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from lapinq_api.serving.server import REQUESTS_GRACE_SECONDS
from lapinq_core.domain.version import __version__
from lapinq_core.runtime.settings import SECRETS, Settings, load_settings, variable
from tests.support.deployment.manifests import (
    BASE,
    COMPONENTS,
    K8S,
    OVERLAYS,
    ROOT,
    Resource,
    container,
    environment,
    everything,
    find,
    kustomization,
    literals,
    patches,
    pods,
    resources,
)

PODS = dict(pods())
OURS = {"lapinq-api", "lapinq-worker", "lapinq-scheduler"}
DIRECTORIES = [BASE, *sorted(COMPONENTS.iterdir()), *sorted(OVERLAYS.iterdir())]
PAGE = (ROOT / "docs" / "operate" / "kubernetes.md").read_text()
SECRETS_PATH = "/run/secrets/lapinq"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def name_of(path: Path) -> str:
    return str(path.relative_to(K8S))


# Every pod


@pytest.mark.parametrize("name", PODS)
def test_a_pod_fits_the_restricted_standard_and_says_what_it_takes(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, "a Service called lapinq would set LAPINQ_PORT"
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["fsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for one in pod["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "/tmp" in {mount["mountPath"] for mount in one["volumeMounts"]}  # in the container
        assert set(one["resources"]["requests"]) == {"cpu", "memory"}
        assert set(one["resources"]["limits"]) == {"memory"}, "a limit of the processor stops heartbeats too"


@pytest.mark.parametrize("name", [name for name in PODS if name.startswith("lapinq-")])
def test_a_secret_file_of_a_variable_is_mounted_and_no_other(name: str) -> None:
    secrets = [volume.get("secret", {}) for volume in PODS[name]["volumes"]]
    items = [item for one in secrets if one.get("secretName") == "lapinq" for item in one["items"]]
    mounted = {f"{SECRETS_PATH}/{item['path']}" for item in items}
    (only,) = PODS[name]["containers"]
    assert mounted == {one["value"] for one in only.get("env", ()) if one["name"].endswith("_FILE")}


# What is lapinq's own


VARIABLES = {variable(field) for field in Settings.__struct_fields__}
TO_BE_NAMED = {"addresses-of-your-ingress-controller": "10.1.2.0/24"}
"""What lapinq refuses until an overlay names it, and what it might name."""


@pytest.mark.parametrize("name", [*sorted(OURS), "lapinq-migrate"])
def test_the_environment_is_one_that_lapinq_reads(name: str, tmp_path: Path) -> None:
    given = environment(name)
    named = {one["name"] for one in container(name)["env"]} | set(given)
    assert named <= VARIABLES | {f"{variable(field)}_FILE" for field in SECRETS}
    files = {name: tmp_path / Path(path).name for name, path in given.items() if name.endswith("_FILE")}
    for path in files.values():
        path.write_text("something-long-enough")
    load_settings(given | {name: str(path) for name, path in files.items()})


@pytest.mark.parametrize("directory", DIRECTORIES, ids=name_of)
def test_what_is_added_to_the_settings_is_read_too(directory: Path) -> None:
    added = list(literals(directory).values())
    for generator in kustomization(directory).get("secretGenerator", ()):
        if generator["name"] == "lapinq":
            keys = dict(literal.split("=", 1) for literal in generator["literals"])
            added.append(
                {("" if key == "database_url" else "LAPINQ_") + key.upper(): keys[key] for key in keys}
            )
    for given in added:
        assert set(given) <= VARIABLES
        load_settings({name: TO_BE_NAMED.get(value, value) for name, value in given.items()})


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("lapinq-api", "LAPINQ_PORT"),
        ("lapinq-worker", "LAPINQ_METRICS_PORT"),
        ("lapinq-scheduler", "LAPINQ_METRICS_PORT"),
    ],
)
def test_probes_ask_where_it_listens(name: str, setting: str) -> None:
    only = container(name)
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    for probe in PROBES:
        assert ports[only[probe]["httpGet"]["port"]] == int(environment(name)[setting])
        assert only[probe]["httpGet"]["path"] == ("/readyz" if probe == "readinessProbe" else "/livez")
    host = "LAPINQ_HOST" if setting == "LAPINQ_PORT" else "LAPINQ_METRICS_HOST"
    assert environment(name)[host] == "0.0.0.0"  # in the container


def test_tasks_and_requests_get_their_time_before_what_runs_them_is_killed() -> None:
    grace = float(environment("lapinq-worker")["LAPINQ_SHUTDOWN_GRACE"])
    assert PODS["lapinq-worker"]["terminationGracePeriodSeconds"] >= grace + 15
    waits = container("lapinq-api")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert PODS["lapinq-api"]["terminationGracePeriodSeconds"] >= waits + REQUESTS_GRACE_SECONDS + 10


def test_images_are_ours_with_the_tag_of_this_version() -> None:
    images = {name: container(name)["image"] for name in OURS}
    assert images == {name: f"ghcr.io/lapinq/{name}" for name in OURS}
    assert container("lapinq-migrate")["image"] == images["lapinq-api"]
    tags = {image["name"]: image["newTag"] for image in kustomization(OVERLAYS / "prod")["images"]}
    assert tags == dict.fromkeys(images.values(), __version__)
    assert {image["name"] for image in kustomization(OVERLAYS / "dev")["images"]} == set(images.values())


def test_others_images_are_named_by_digest_and_in_dev_by_tag() -> None:
    for name in PODS.keys() - OURS - {"lapinq-migrate"}:
        version = r":[\w.-]+" if name == "postgres" else "@sha256:[0-9a-f]{64}"
        for one in PODS[name]["containers"]:
            assert re.fullmatch(rf"docker\.io/[\w/]+{version}", one["image"])


# What belongs together


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", ())
    )


def labels_of_pods() -> dict[str, dict[str, str]]:
    return {
        resource["metadata"]["name"]: resource["spec"]["template"]["metadata"]["labels"]
        for resource in everything()
        if resource["kind"] in {"Deployment", "StatefulSet", "Job"}
    }


def test_selectors_find_their_pods() -> None:
    labels = labels_of_pods()
    for resource in everything():
        kind, name, spec = resource["kind"], resource["metadata"]["name"], resource.get("spec", {})
        if kind == "Service":
            assert [pod for pod in labels if spec["selector"].items() <= labels[pod].items()] == [name]
        elif kind in {"Deployment", "StatefulSet", "PodDisruptionBudget"}:
            assert [pod for pod in labels if selects(spec["selector"], labels[pod])] == [name]
        elif kind == "NetworkPolicy":
            assert any(selects(spec["podSelector"], labels[pod]) for pod in labels), name
        for spread in spec.get("template", {}).get("spec", {}).get("topologySpreadConstraints", ()):
            assert selects(spread["labelSelector"], labels[name])


def test_what_runs_for_ever_is_spread_and_has_a_budget_that_lets_drains_end() -> None:
    for resource in resources(BASE) + resources(COMPONENTS):
        if resource["kind"] != "Deployment":
            continue
        assert resource["spec"]["template"]["spec"]["topologySpreadConstraints"]
        budget = find("PodDisruptionBudget", resource["metadata"]["name"])["spec"]
        assert budget["maxUnavailable"]
        assert "minAvailable" not in budget
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_two_schedulers_run_and_who_is_scaled_has_no_number_that_an_apply_would_set_back() -> None:
    assert find("Deployment", "lapinq-scheduler")["spec"]["replicas"] == 2
    scaled = find("HorizontalPodAutoscaler", "lapinq-api")["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in find("Deployment", scaled)["spec"]
    assert find("ScaledObject", "lapinq-worker")["spec"]["scaleTargetRef"]["name"] == "lapinq-worker"
    removed = patches(COMPONENTS / "keda")["Deployment", "lapinq-worker"]
    assert {"op": "remove", "path": "/spec/replicas"} in removed


def test_nothing_passes_that_no_policy_lets_through() -> None:
    denied = find("NetworkPolicy", "lapinq-deny-all")["spec"]
    assert denied == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "lapinq"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    for name, labels in labels_of_pods().items():
        assert selects(denied["podSelector"], labels) is name.startswith("lapinq-")


def test_no_pod_reaches_addresses_that_no_policy_names() -> None:
    # Least of all the metadata of a cloud, which hands out the node's credentials, and Azure's host.
    rules = [
        (policy["metadata"]["name"], rule)
        for policy in resources(BASE) + resources(COMPONENTS)
        if policy["kind"] == "NetworkPolicy"
        for rule in policy["spec"].get("egress", ())
    ]
    assert rules
    assert [name for name, rule in rules if not (rule.get("to") and rule.get("ports"))] == []
    blocks = [(name, peer["ipBlock"]) for name, rule in rules for peer in rule["to"] if "ipBlock" in peer]
    clouds = [
        ip_address(text) for text in ("169.254.169.254", "192.0.0.192", "fd00:ec2::254", "168.63.129.16")
    ]
    open_to_it = [
        (name, block["cidr"])
        for name, block in blocks
        if name != "lapinq-to-postgresql"  # of which the port is the database's
        and any(
            address in ip_network(block["cidr"])
            and not any(address in ip_network(each) for each in block.get("except", ()))
            for address in clouds
        )
    ]
    assert open_to_it == []


# The page


def test_the_page_tells_of_every_component_overlay_policy_and_key() -> None:
    def told(pattern: str) -> set[str]:
        return set(re.findall(rf"^\| `{pattern}` \|", PAGE, re.MULTILINE))

    assert told(r"components/(\w+)") == {path.name for path in COMPONENTS.iterdir()}
    assert told(r"overlays/(\w+)") == {path.name for path in OVERLAYS.iterdir()}
    policies = {one["metadata"]["name"] for one in everything() if one["kind"] == "NetworkPolicy"}
    assert policies <= told(r"([\w-]+)")
    keys = {
        item["key"]
        for pod in PODS.values()
        for volume in pod.get("volumes", ())
        for item in volume.get("secret", {}).get("items", ())
    }
    assert told(r"([a-z]+(?:_[a-z]+)+)") == keys | {"webhook_secret", "pooler_database_url"}
