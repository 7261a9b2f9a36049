"""docker-compose.yml: what it starts keeps the API's contract, and each container has no more than it needs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from task_writer.migrate import ADVISORY_LOCK

from faults.cluster.variables import ROOT, as_variable, free_range
from tests.contract.event_streams import listening
from tests.contract.tasks import create
from tests.users import new_user
from tests.waiting import eventually

from .engine import needs_engine, needs_plugins, require_image, run
from .project import Project, running_project
from .stand_ins import FROM_DEBIAN, ensure_image

pytestmark = [needs_engine, needs_plugins, pytest.mark.timeout(900)]

OLDEST_RABBITMQ = "rabbitmq:3.10-management"
SERVICES = ("gateway", "task-reader", "task-writer")
POOLED = {"WRITER_DATABASE_HOST": "pooler", "READER_DATABASE_HOST": "pooler"}
UNREACHABLE = 7
CONNECT = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], 5432), timeout=2)
except OSError:
    sys.exit({UNREACHABLE})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    for image in FROM_DEBIAN:
        ensure_image(image, tmp_path_factory.mktemp("image"))
    with running_project(tmp_path_factory.mktemp("project")) as running:
        yield running


def check_contract(project: Project) -> None:
    """Runs tests/contract against the project's gateway."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/contract", "-q", "-p", "no:cacheprovider", "--no-header"],
        cwd=ROOT,
        env={**os.environ, "TEST_GATEWAY_URL": project.gateway_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


async def test_the_system_works_on_the_oldest_rabbitmq_too(tmp_path: Path) -> None:
    require_image(OLDEST_RABBITMQ)
    with running_project(tmp_path, rabbitmq_image=OLDEST_RABBITMQ) as project:
        (rabbitmq,) = project.containers("rabbitmq")

        async with new_user(project.gateway_url) as user:
            created = (await user.post("/tasks", json={"title": "Buy milk"})).json()
            flipped = (await user.patch(f"/tasks/{created['id']}/complete")).json()
            listed = (await user.get("/tasks")).json()

    assert rabbitmq["Config"]["Image"] == OLDEST_RABBITMQ
    assert listed == [flipped] == [{**created, "is_completed": True}]


def test_the_contract_holds_with_two_readers_and_two_writers(project: Project) -> None:
    project.up("--scale", "task-reader=2", "--scale", "task-writer=2")

    assert (len(project.containers("task-reader")), len(project.containers("task-writer"))) == (2, 2)
    check_contract(project)


def test_the_contract_holds_with_one_of_each_through_a_transaction_pooler(project: Project) -> None:
    project.up(profile="pooler", variables=POOLED)

    check_contract(project)

    (pooler,), (reader,), (writer,) = (project.containers(name) for name in ("pooler", "task-reader", "task-writer"))
    clients = clients_of_postgres(project)
    assert clients >= addresses(pooler)
    assert clients.isdisjoint(addresses(reader) | addresses(writer))


async def test_reads_may_come_from_a_replica(project: Project) -> None:
    to_both = {"READER_DATABASE_HOST": "replica", "READER_PRIMARY_URL": "http://primary-reader:8001"}
    project.up(profile="replica", variables=to_both)

    async with new_user(project.gateway_url) as user:
        made = await user.post("/tasks", json={"title": "Buy milk"})
        created = made.json()
        named = await user.get(f"/tasks/{created['id']}", headers={"Min-Revision": made.headers["etag"]})
        assert named.json() == created

        async def is_read() -> bool:
            return bool((await user.get(f"/tasks/{created['id']}")).json() == created)

        await eventually(is_read)
    (reader,) = project.containers("task-reader")
    assert project.sql("select state from pg_stat_replication") == ["streaming"]
    assert clients_of_postgres(project).isdisjoint(addresses(reader))


async def test_several_gateways_are_one_behind_the_edge(project: Project) -> None:
    project.up("--scale", "gateway=2", profile="edge", variables={"GATEWAY_PORT": as_variable(free_range(2))})

    async with new_user(project.edge_url) as user:
        created = [await user.post("/tasks", json={"title": f"Task {number}"}) for number in range(20)]
        listed = (await user.get("/tasks")).json()
    assert len(project.containers("gateway")) == 2
    assert [task["id"] for task in listed] == [answer.json()["id"] for answer in reversed(created)]


async def test_the_edge_compresses_lists_and_what_it_makes_of_their_tags_still_matches(project: Project) -> None:
    project.up(profile="edge")
    operations = [{"op": "create", "title": f"Task {number}"} for number in range(200)]

    async with new_user(project.edge_url) as user:
        await user.post("/batch", json={"operations": operations})
        plain = await user.get("/tasks", headers={"Accept-Encoding": "identity"})
        listed = await user.get("/tasks", headers={"Accept-Encoding": "gzip"})
        weak = listed.headers["etag"]
        asked = [
            await user.get("/tasks", headers={"If-None-Match": weak}),
            await user.get("/tasks", headers={"Min-Revision": weak}),
            await user.post("/tasks", json={"title": "One more"}, headers={"If-Match": weak}),
            await user.get("/tasks", headers={"If-None-Match": weak}),
        ]

    assert (listed.headers["content-encoding"], weak) == ("gzip", f"W/{plain.headers['etag']}")
    assert "accept-encoding" in listed.headers["vary"].lower()
    assert listed.json() == plain.json()
    assert int(plain.headers["content-length"]) > 4 * listed.num_bytes_downloaded
    assert [answer.status_code for answer in asked] == [304, 200, 201, 200]


def test_events_pass_the_edge_as_they_happen_whichever_gateway_had_the_write(project: Project) -> None:
    project.up("--scale", "gateway=2", profile="edge", variables={"GATEWAY_PORT": as_variable(free_range(2))})
    user_id = str(uuid4())

    with httpx.Client(base_url=project.edge_url, timeout=15) as api, listening(api, user_id) as events:
        events.next()
        late = []
        for number in range(8):
            task = create(api, user_id, title=f"Task {number}")
            began = time.monotonic()
            assert events.next().json()["changed"] == [task]
            late.append(time.monotonic() - began)

    assert sorted(late)[len(late) // 2] < 1.0, "no proxy holds them back, and no hint is lost between gateways"


def test_the_servers_cannot_be_reached_from_the_edge(project: Project) -> None:
    project.up()
    (postgres,) = project.containers("postgres")
    client = ("docker", "run", "--rm", "--network", f"{project.name}_edge", "taskwire/gateway:test")

    tried = {
        host: subprocess.run([*client, "python", "-c", CONNECT, host], check=False, timeout=60).returncode
        for host in ("postgres", *addresses(postgres))
    }

    assert len(tried) == 2
    assert set(tried.values()) == {UNREACHABLE}


def check_restricted(containers: list[dict[str, Any]]) -> None:
    """Fails where a container has a right or a resource that it does not need."""
    assert containers
    for container in containers:
        host, name = container["HostConfig"], container["Name"]
        assert container["Config"]["User"].partition(":")[0] not in {"", "root", "0"}, name
        assert host["ReadonlyRootfs"], name
        assert (host["CapDrop"], host["CapAdd"] or [], host["Privileged"]) == (["ALL"], [], False), name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0, name
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}, name


def published(containers: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The services that have a port on this machine, with the address that it listens at."""
    return {
        (container["Config"]["Labels"]["com.docker.compose.service"], binding["HostIp"])
        for container in containers
        for bindings in (container["HostConfig"]["PortBindings"] or {}).values()
        for binding in bindings
    }


def test_no_container_has_more_than_it_needs(project: Project) -> None:
    project.up(profile="edge")

    check_restricted(project.containers())


def test_only_gateway_and_edge_have_a_port_and_for_this_machine_alone(project: Project) -> None:
    project.up(profile="edge")

    assert published(project.containers()) == {("gateway", "127.0.0.1"), ("edge", "127.0.0.1")}


def test_every_service_ends_in_good_order_when_it_is_stopped(project: Project) -> None:
    project.up()

    project.compose("stop", *SERVICES)

    ended = {container["Name"]: container["State"] for name in SERVICES for container in project.containers(name)}
    assert len(ended) == len(SERVICES)
    assert {name: state["ExitCode"] for name, state in ended.items() if state["ExitCode"] != 0} == {}


async def test_migrations_that_wait_end_when_they_are_stopped(project: Project) -> None:
    """Docker makes them the first process of a container, to which SIGTERM means nothing by default."""
    project.up()
    hold = f"select pg_advisory_lock({ADVISORY_LOCK}), pg_sleep(100)"
    project.compose(
        "exec", "-d", "postgres", "psql", "-h", "/var/run/postgresql", "-U", "postgres", "taskwire", "-c", hold
    )
    waiting = "select count(*) from pg_stat_activity where query like 'select pg_try_advisory_lock%'"
    migration = project.compose("run", "-d", "--no-deps", "migrate").split()[-1]

    async def is_waiting() -> bool:
        return project.sql(waiting) == ["1"]

    await eventually(is_waiting)
    run("docker", "stop", "--time", "20", migration)

    code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", migration).strip()
    run("docker", "rm", migration)
    project.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    assert code == "143"


def clients_of_postgres(project: Project) -> set[str]:
    """The addresses from which the services' roles are connected."""
    return set(project.sql("select host(client_addr) from pg_stat_activity where usename ~ '_(writer|reader)$'"))


def addresses(container: dict[str, Any]) -> set[str]:
    """Those that the container has inside the project's networks."""
    return {network["IPAddress"] for network in container["NetworkSettings"]["Networks"].values()}
