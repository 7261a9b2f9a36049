"""Which connections the network policies of an overlay let through."""

from dataclasses import dataclass

from .manifests import Manifest, name_of, of_kind, rendered, selects
from .operators import Pods, all_pods

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Elsewhere:
    """Something outside our namespace: pods of another one, or an address outside the cluster."""

    namespace: str | None = None
    ip: str = ""


PROMETHEUS = COLLECTOR = Elsewhere("monitoring")
CNPG_OPERATOR, RABBITMQ_OPERATOR, KEDA = Elsewhere("cnpg-system"), Elsewhere("rabbitmq-system"), Elsewhere("keda")
DNS = Elsewhere("kube-system")
STRANGER = Elsewhere("strangers")
INTERNET = Elsewhere(ip="203.0.113.7")


def pods(overlay: str, name: str) -> Pods:
    """The pods of the workload or cluster with this name."""
    return next(one for one in all_pods(rendered(overlay)) if one.name == name)


def allows(overlay: str, source: Pods | Elsewhere, target: Pods | Elsewhere, port: int) -> bool:
    """Whether a TCP connection may be opened: out of its source, and into its target."""
    policies = [one["spec"] for one in of_kind(rendered(overlay), "NetworkPolicy")]
    return _passes(policies, "Egress", source, target, port) and _passes(policies, "Ingress", target, source, port)


def _passes(policies: list[Manifest], way: str, ours: Pods | Elsewhere, peer: Pods | Elsewhere, port: int) -> bool:
    """Whether the policies of our end allow the peer. What is elsewhere has none that we know."""
    if isinstance(ours, Elsewhere):
        return True
    own = [one for one in policies if way in one["policyTypes"] and selects(one["podSelector"], ours.labels)]
    rules = [rule for policy in own for rule in policy.get(way.lower(), [])]
    listening = peer if way == "Egress" else ours
    return not own or any(
        _is_of(rule.get("to" if way == "Egress" else "from"), peer) and _has_port(rule.get("ports"), listening, port)
        for rule in rules
    )


def _is_of(peers: list[Manifest] | None, peer: Pods | Elsewhere) -> bool:
    return peers is None or any(_is_one(described, peer) for described in peers)


def _is_one(described: Manifest, peer: Pods | Elsewhere) -> bool:
    if "ipBlock" in described:
        return isinstance(peer, Elsewhere) and peer.ip != ""
    if "namespaceSelector" in described:
        namespace = peer.namespace
        return namespace is not None and selects(described["namespaceSelector"], {NAMESPACE_LABEL: namespace})
    return isinstance(peer, Pods) and selects(described["podSelector"], peer.labels)


def _has_port(ports: list[Manifest] | None, listening: Pods | Elsewhere, port: int) -> bool:
    named = listening.ports if isinstance(listening, Pods) else {}
    return ports is None or any(
        one.get("protocol", "TCP") == "TCP" and port == named.get(one["port"], one["port"]) for one in ports
    )


def workload_names(overlay: str) -> set[str]:
    return {name_of(one) for one in of_kind(rendered(overlay), "Deployment")}
