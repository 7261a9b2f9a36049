"""The manifests fit the code: variables, ports, probes, labels; and each pod has no more than it needs."""

import re
from typing import Any

import pytest
from common.observability.admin import _routes
from common.observability.health import Health
from common.settings import ServiceSettings
from task_writer.settings import MigrationSettings

from deploy.operator_kinds import faults, schemas

from .dockerfile import ROOT, image_environment
from .manifests import (
    COMPLETE,
    OVERLAYS,
    WORKLOADS,
    Manifest,
    container,
    name_of,
    needs_kustomize,
    of_kind,
    pod,
    pod_labels,
    rendered,
    selects,
)
from .operators import all_pods
from .test_compose_file import SETTINGS

pytestmark = needs_kustomize

# Kinds that deploy/check validates by the schemas of Kubernetes, besides the operators' own.
OF_KUBERNETES = WORKLOADS | {
    *("Namespace", "ServiceAccount", "Service", "ConfigMap", "Secret", "NetworkPolicy", "PodDisruptionBudget"),
    "HorizontalPodAutoscaler",
}

ROUTES = set(_routes(Health("a service", enough=all)))

OF_EACH_OVERLAY = pytest.mark.parametrize("overlay", [*(f"overlays/{name}" for name in OVERLAYS), COMPLETE])
OF_EACH_SERVICE = pytest.mark.parametrize("name", SETTINGS)
OF_EACH_DEPLOYMENT = pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"migrate"}))


def in_base(name: str) -> Manifest:
    return next(one for one in of_kind(rendered("base"), "Deployment", "Job") if name_of(one) == name)


def image_of(name: str) -> dict[str, str]:
    return image_environment("task-writer" if name == "migrate" else name)


@OF_EACH_SERVICE
def test_a_service_gets_the_variables_that_it_needs_and_no_unknown_ones(name: str) -> None:
    settings: type[ServiceSettings] = SETTINGS[name]
    read = {field.upper() for field in settings.model_fields}
    required = {field.upper() for field, info in settings.model_fields.items() if info.is_required()}

    given = {variable["name"] for variable in container(in_base(name))["env"]}

    assert given <= read
    assert required - set(image_of(name)) <= given


def test_migrations_get_the_passwords_of_both_roles() -> None:
    given = {variable["name"] for variable in container(in_base("migrate"))["env"]}

    assert given == {field.upper() for field in MigrationSettings.model_fields if field.endswith("url")}


@OF_EACH_DEPLOYMENT
def test_the_ports_are_those_where_the_code_listens(name: str) -> None:
    ports = {port["name"]: str(port["containerPort"]) for port in container(in_base(name))["ports"]}
    image = image_of(name)

    assert ports == {use: image[name] for use, name in (("http", "PORT"), ("admin", "ADMIN_PORT")) if name in image}


@OF_EACH_DEPLOYMENT
def test_the_probes_ask_for_pages_of_the_admin_port(name: str) -> None:
    probes = {use: container(in_base(name))[f"{use}Probe"]["httpGet"] for use in ("startup", "liveness", "readiness")}

    assert {probe["port"] for probe in probes.values()} == {"admin"}
    assert {probe["path"] for probe in probes.values()} <= ROUTES
    assert (probes["liveness"]["path"], probes["readiness"]["path"]) == ("/livez", "/readyz")


@OF_EACH_DEPLOYMENT
def test_a_rollout_adds_a_pod_before_it_removes_one(name: str) -> None:
    assert in_base(name)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_gateway_uses_the_readers_service() -> None:
    (address,) = [one["value"] for one in container(in_base("gateway"))["env"] if one["name"] == "READER_URL"]
    (service,) = [one for one in of_kind(rendered("base"), "Service") if name_of(one) == "task-reader"]

    assert address == f"http://task-reader:{service['spec']['ports'][0]['port']}"


def test_the_base_has_no_secret() -> None:
    assert list(of_kind(rendered("base"), "Secret")) == []


@OF_EACH_OVERLAY
def test_every_kind_is_validated_by_a_schema_or_named_here(overlay: str) -> None:
    assert {one["kind"] for one in rendered(overlay)} <= OF_KUBERNETES | {kind for _, kind in schemas()}


@OF_EACH_OVERLAY
def test_operators_kinds_have_no_field_that_their_definition_has_not(overlay: str) -> None:
    assert [fault for manifest in rendered(overlay) for fault in faults(manifest)] == []


@OF_EACH_OVERLAY
def test_every_pod_is_restricted(overlay: str) -> None:
    workloads = list(of_kind(rendered(overlay), *WORKLOADS))

    assert workloads
    for workload in workloads:
        name, own = name_of(workload), container(workload)
        assert pod(workload)["automountServiceAccountToken"] is False, name
        assert pod(workload)["securityContext"]["runAsNonRoot"] is True, name
        assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert own["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert set(own["resources"]["limits"]) == set(own["resources"]["requests"]) == {"cpu", "memory"}, name


@OF_EACH_OVERLAY
def test_every_selector_finds_its_pods(overlay: str) -> None:
    manifests = rendered(overlay)
    labels = [pods.labels for pods in all_pods(manifests)]

    selectors = [(name_of(one), one["spec"]["selector"]) for one in of_kind(manifests, "PodDisruptionBudget")]
    selectors += [(name_of(one), {"matchLabels": one["spec"]["selector"]}) for one in of_kind(manifests, "Service")]
    selectors += [(name_of(one), one["spec"]["podSelector"]) for one in of_kind(manifests, "NetworkPolicy")]
    selectors += [(name_of(one), one["spec"]["selector"]) for one in of_kind(manifests, "PodMonitor", "ServiceMonitor")]
    for policy in of_kind(manifests, "NetworkPolicy"):
        peers = [peer for rule in policy["spec"].get("ingress", []) for peer in rule.get("from", [])]
        peers += [peer for rule in policy["spec"].get("egress", []) for peer in rule.get("to", [])]
        selectors += [(name_of(policy), peer["podSelector"]) for peer in peers if "podSelector" in peer]
    assert selectors
    assert [name for name, selector in selectors if not any(selects(selector, one) for one in labels)] == []


@OF_EACH_OVERLAY
def test_every_service_of_ours_has_its_network_and_its_autoscaler(overlay: str) -> None:
    manifests = rendered(overlay)
    policies = [one["spec"] for one in of_kind(manifests, "NetworkPolicy")]
    scaled = {
        one["spec"]["scaleTargetRef"]["name"] for one in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject")
    }

    assert scaled
    for deployment in of_kind(manifests, "Deployment"):
        own = [one for one in policies if one["podSelector"] and selects(one["podSelector"], pod_labels(deployment))]
        assert any("Egress" in one["policyTypes"] for one in own), name_of(deployment)
    assert scaled == {name_of(one) for one in of_kind(manifests, "Deployment")}


@OF_EACH_OVERLAY
def test_every_secret_is_made_here_or_by_a_command_of_the_page_of_its_installation(overlay: str) -> None:
    manifests = rendered(overlay)
    made = {plain_name(one): set(one["data"]) for one in of_kind(manifests, "Secret")}
    commands = (ROOT / "docs" / "install-kubernetes.md").read_text()

    variables = [variable for workload in of_kind(manifests, *WORKLOADS) for variable in container(workload)["env"]]
    wanted = [one["valueFrom"]["secretKeyRef"] for one in variables if "secretKeyRef" in one.get("valueFrom", {})]
    for cluster in of_kind(manifests, "Cluster"):
        wanted += [role["passwordSecret"] | {"key": "password"} for role in cluster["spec"]["managed"]["roles"]]
    for store in of_kind(manifests, "ObjectStore"):
        wanted += list(store["spec"]["configuration"]["s3Credentials"].values())

    assert wanted
    for one in wanted:
        name, key = re.sub(r"-[0-9a-z]{10}$", "", one["name"]), one["key"]
        described = re.search(rf"create secret generic {name}\b(?:.*\\\n)*.*{key}=", commands)
        assert key in made.get(name, set()) or described, f"{name}: {key}"


def plain_name(manifest: Any) -> str:
    """Without the hash of its content that kustomize adds."""
    return re.sub(r"-[0-9a-z]{10}$", "", name_of(manifest))
