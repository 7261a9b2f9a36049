"""Checks the operators' kinds in rendered manifests against deploy/schemas, strictly: no field that it does not have.

    uv run python deploy/operator_kinds.py FILE...

Prints every fault and ends with status 1 when there is any.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS31Validator

SCHEMAS = Path(__file__).parent / "schemas"

type Json = Any


@cache
def schemas() -> Mapping[tuple[str, str], Json]:
    """The schema of each manifest, by its apiVersion and kind. To read them takes 0.1 s, once in a process."""
    found: dict[tuple[str, str], Json] = {}
    for path in sorted(SCHEMAS.glob("*.yaml")):
        kinds = yaml.safe_load(path.read_text(encoding="utf-8"))
        shared = kinds.pop("$defs", {})
        for kind, described in kinds.items():
            found[described["apiVersion"], kind] = {
                "$defs": shared,
                "type": "object",
                "additionalProperties": False,
                "required": ["apiVersion", "kind", "metadata", "spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object", "required": ["name"]},
                    "spec": described["spec"],
                },
            }
    return found


def faults(manifest: Json) -> Iterator[str]:
    """What is wrong with a manifest of an operator's kind, and where; nothing of a kind that is not an operator's."""
    schema = schemas().get((manifest["apiVersion"], manifest["kind"]))
    if schema is None:
        if manifest["kind"] in {kind for _, kind in schemas()}:
            yield f"{manifest['kind']} has no version {manifest['apiVersion']}"
        return
    for error in OAS31Validator(schema).iter_errors(manifest):
        yield f"{manifest['kind']} {manifest['metadata']['name']}: {error.json_path}: {error.message}"


def main() -> None:
    """Checks the files that are named."""
    checked = found = 0
    known = {kind for _, kind in schemas()}
    for name in sys.argv[1:]:
        for manifest in yaml.safe_load_all(Path(name).read_text(encoding="utf-8")):
            checked += manifest["kind"] in known
            for fault in faults(manifest):
                sys.stderr.write(f"{name}: {fault}\n")
                found += 1
    sys.stdout.write(f"operator kinds: {checked} manifests, {found} faults\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
