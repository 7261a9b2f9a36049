"""The settings that the operators hand to RabbitMQ and PostgreSQL are settings of theirs: on the official images."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.waiting import until

from tests.deploy.manifests import needs_kustomize
from tests.deploy.test_scaling import the
from tests.deploy.test_servers import rabbitmq_conf

from .engine import needs_engine, require_image, run

pytestmark = [needs_engine, needs_kustomize]

RABBITMQ, POSTGRES = "rabbitmq:4-management", "postgres:18"


def test_postgresql_knows_every_parameter() -> None:
    require_image(POSTGRES)
    described = run(
        "docker", "run", "--rm", "--user", "postgres", "--entrypoint", "postgres", POSTGRES, "--describe-config"
    ).splitlines()

    known = {line.split("\t")[0] for line in described}

    assert set(the("Cluster", "postgres")["spec"]["postgresql"]["parameters"]) <= known


@pytest.fixture
def node(tmp_path: Path) -> Iterator[str]:
    """A RabbitMQ node with the settings of the manifest, but for the users."""
    require_image(RABBITMQ)
    conf = tmp_path / "rabbitmq.conf"
    conf.write_text(
        "".join(f"{key} = {value}\n" for key, value in rabbitmq_conf().items() if key != "load_definitions")
    )
    conf.chmod(0o644)
    mount = f"{conf}:/etc/rabbitmq/conf.d/90-manifest.conf:ro"
    container = run("docker", "run", "--detach", "--rm", "--volume", mount, RABBITMQ).strip()
    try:
        yield container
    finally:
        run("docker", "rm", "--force", container)


async def test_a_rabbitmq_node_starts_with_the_settings_and_follows_them(node: str) -> None:
    async def is_up() -> bool:
        asked = ["docker", "exec", node, "rabbitmqctl", "await_startup", "--timeout", "5"]
        return subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == 0  # noqa: ASYNC221

    await until(is_up, within_s=90)

    reconciles = "application:get_env(rabbit, quorum_membership_reconciliation_enabled)"
    asked = f"{{net_kernel:get_net_ticktime(), application:get_env(aten, poll_interval), {reconciles}}}."
    assert run("docker", "exec", node, "rabbitmqctl", "eval", asked).strip() == "{8,{ok,1000},{ok,true}}"
