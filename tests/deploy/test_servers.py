"""PostgreSQL and RabbitMQ in production survive the loss of one node, are pinned, and are backed up."""

import re
from typing import Any

from .dockerfile import ROOT
from .manifests import Manifest, container, name_of, needs_kustomize, of_kind, pod, rendered
from .test_scaling import PRODUCTION, the

pytestmark = needs_kustomize

MINOR = re.compile(r":\d+\.\d+")


def rabbitmq() -> Manifest:
    spec: Manifest = the("RabbitmqCluster", "rabbitmq")["spec"]
    return spec


def rabbitmq_conf() -> dict[str, str]:
    lines = rabbitmq()["rabbitmq"]["additionalConfig"].splitlines()
    return dict(line.split(" = ") for line in lines)


def test_a_commit_is_on_two_instances_and_no_other_is_promoted_without_it() -> None:
    spec = the("Cluster", "postgres")["spec"]

    assert spec["instances"] == 3
    assert spec["postgresql"]["synchronous"] == {
        "method": "any",
        "number": 1,
        "dataDurability": "required",
        "failoverQuorum": True,
    }


def test_no_two_instances_and_no_two_nodes_are_on_one_machine() -> None:
    affinity = the("Cluster", "postgres")["spec"]["affinity"]
    (term,) = rabbitmq()["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert affinity == {
        "enablePodAntiAffinity": True,
        "podAntiAffinityType": "required",
        "topologyKey": "kubernetes.io/hostname",
    }
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": "rabbitmq"}


def test_images_of_servers_are_pinned_to_a_minor_release() -> None:
    assert MINOR.search(the("Cluster", "postgres")["spec"]["imageName"])
    assert MINOR.search(rabbitmq()["image"])


def test_queues_get_their_third_member_and_a_silent_leader_is_replaced() -> None:
    conf = rabbitmq_conf()

    assert rabbitmq()["replicas"] == 3
    assert rabbitmq()["autoEnableAllFeatureFlags"] is True
    assert conf["default_queue_type"] == "quorum"
    assert conf["quorum_queue.initial_cluster_size"] == "3"
    assert conf["quorum_queue.continuous_membership_reconciliation.enabled"] == "true"
    assert conf["quorum_queue.continuous_membership_reconciliation.target_group_size"] == "3"
    assert int(conf["net_ticktime"]) <= 10
    assert int(conf["raft.adaptive_failure_detector.poll_interval"]) <= 1000


def test_backups_and_wal_go_to_the_store_by_the_plugin() -> None:
    (plugin,) = the("Cluster", "postgres")["spec"]["plugins"]
    (schedule,) = [one["spec"] for one in of_kind(rendered(PRODUCTION), "ScheduledBackup")]

    assert plugin["isWALArchiver"] is True
    assert the("ObjectStore", plugin["parameters"]["barmanObjectName"])["spec"]["retentionPolicy"]
    assert (schedule["method"], schedule["cluster"]["name"]) == ("plugin", "postgres")
    assert schedule["pluginConfiguration"]["name"] == plugin["name"]


def test_secrets_that_cloudnativepg_reads_are_reloaded_when_they_change() -> None:
    commands = (ROOT / "docs" / "install-kubernetes.md").read_text()
    (role,) = the("Cluster", "postgres")["spec"]["managed"]["roles"]

    for secret in (role["passwordSecret"]["name"], "postgres-backups"):
        assert re.search(rf"label secret [^\n]*\b{secret}\b[^\n]* cnpg\.io/reload=", commands), secret


def test_the_route_leads_to_the_gateways_service_by_tls_without_a_limit_of_its_own() -> None:
    (route,) = [one["spec"] for one in of_kind(rendered(PRODUCTION), "HTTPRoute")]
    (rule,) = route["rules"]
    edge = the("Gateway", route["parentRefs"][0]["name"])["spec"]["listeners"]
    (service,) = [one for one in of_kind(rendered(PRODUCTION), "Service") if name_of(one) == "gateway"]

    assert rule["backendRefs"] == [{"name": "gateway", "port": service["spec"]["ports"][0]["port"]}]
    assert "timeouts" not in rule
    assert [one["protocol"] for one in edge if one["name"] == route["parentRefs"][0]["sectionName"]] == ["HTTPS"]


def test_services_can_verify_the_certificates_of_their_servers() -> None:
    """The authorities lie at the same paths in every service that has an address with TLS."""
    for service, servers in {
        "gateway": {"rabbitmq"},
        "task-reader": {"postgres"},
        "task-writer": {"postgres", "rabbitmq"},
        "migrate": {"postgres"},
    }.items():
        (workload,) = [one for one in of_kind(rendered("base"), "Deployment", "Job") if name_of(one) == service]
        (mount,) = container(workload)["volumeMounts"]
        (volume,) = pod(workload)["volumes"]
        sources: list[Any] = volume["projected"]["sources"]

        assert mount == {"name": volume["name"], "mountPath": "/etc/taskwire/ca", "readOnly": True}
        assert all(one["secret"]["optional"] for one in sources)
        assert {one["secret"]["items"][0]["path"] for one in sources} == {f"{server}.crt" for server in servers}


def test_a_pod_has_time_to_be_taken_out_of_its_service_and_to_finish() -> None:
    """Kubernetes counts the preStop hook in; then a service takes 11 s, and 2 more for traces: docs/configure.md."""
    for workload in of_kind(rendered("base"), "Deployment"):
        hook = container(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

        assert pod(workload)["terminationGracePeriodSeconds"] >= hook + 11 + 2, name_of(workload)
        assert hook > 0 or name_of(workload) == "task-writer", "a Service sends it requests until it is taken out"
