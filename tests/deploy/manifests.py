"""The overlays of deploy/kubernetes, rendered."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from .dockerfile import ROOT

type Manifest = dict[str, Any]

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
PRODUCTION = KUBERNETES / "overlays" / "production"
COMPLETE = "production with the components that it has in comments"
WORKLOADS = {"Deployment", "StatefulSet", "Job"}

needs_kustomize = pytest.mark.skipif(
    not (shutil.which("kubectl") or shutil.which("kustomize")), reason="neither kubectl nor kustomize is here"
)


@cache
def rendered(directory: str) -> list[Manifest]:
    """Every manifest of a directory in deploy/kubernetes, or of COMPLETE."""
    if directory != COMPLETE:
        return _render(KUBERNETES / directory)
    with TemporaryDirectory() as folder:
        ignored = shutil.ignore_patterns("__pycache__")  # another process may be writing there
        copy = Path(shutil.copytree(DEPLOY, Path(folder) / "deploy", ignore=ignored))
        overlay = copy / PRODUCTION.relative_to(DEPLOY)
        file = overlay / "kustomization.yaml"
        text = re.sub(r"(?m)^  # (?=- \.\./)", "  ", file.read_text())
        assert text != file.read_text()
        file.write_text(text)
        return _render(overlay)


def _render(directory: Path) -> list[Manifest]:
    command = ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    made = subprocess.run([*command, str(directory)], capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def of_kind(manifests: list[Manifest], *kinds: str) -> Iterator[Manifest]:
    return (manifest for manifest in manifests if manifest["kind"] in kinds)


def name_of(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name


def pod(workload: Manifest) -> Manifest:
    """The specification of its pods."""
    specification: Manifest = workload["spec"]["template"]["spec"]
    return specification


def pod_labels(workload: Manifest) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def container(workload: Manifest) -> Manifest:
    """Its only container."""
    (only,) = pod(workload)["containers"]
    found: Manifest = only
    return found


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector means pods with these labels. Knows matchLabels, `In` and `NotIn`."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        (labels.get(one["key"]) in one["values"]) is (one["operator"] == "In")
        for one in selector.get("matchExpressions", [])
    )
