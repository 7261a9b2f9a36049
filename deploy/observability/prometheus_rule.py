"""Writes the rules as the Prometheus Operator takes them: deploy/kubernetes/components/monitoring/rules.yaml.

    uv run python deploy/observability/prometheus_rule.py [file]

rules.yml beside this file is the source: Prometheus reads it as it is in Docker Compose.
"""

import sys
from pathlib import Path

import yaml

RULES = Path(__file__).parent / "rules.yml"
WRITTEN = Path(__file__).parents[1] / "kubernetes" / "components" / "monitoring" / "rules.yaml"
HEAD = "# Written by deploy/observability/prometheus_rule.py from rules.yml beside it: `make contracts`.\n"


def prometheus_rule(rules: str) -> str:
    """The text of a PrometheusRule with the groups of a rule file."""
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "taskwire"},
        "spec": yaml.safe_load(rules),
    }
    return HEAD + yaml.safe_dump(manifest, sort_keys=False, width=120)


def main() -> None:
    """Writes the file, or the one that is given."""
    written = Path(sys.argv[1]) if len(sys.argv) > 1 else WRITTEN
    written.write_text(prometheus_rule(RULES.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
