"""docker-compose.yml: what it starts keeps the API's contract, and each container has no more than it needs."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from task_writer.migrate import ADVISORY_LOCK

from tests.contract.event_streams import listening
from tests.contract.tasks import create
from tests.users import new_user
from tests.waiting import eventually

from .engine import needs_engine, needs_plugins, require_image, run
from .inspection import addresses, check_contract, check_restricted, clients_of_postgres, connections_taken, published
from .project import Layout, Project, running_project
from .stand_ins import FROM_DEBIAN, ensure_image
from .zero_downtime import Rollout, running_load

pytestmark = [needs_engine, needs_plugins, pytest.mark.timeout(900)]

OLDEST_RABBITMQ = "rabbitmq:3.10-management"
SERVICES = ("gateway", "task-reader", "task-writer")
UNREACHABLE = 7
CONNECT = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], 5432), timeout=2)
except OSError:
    sys.exit({UNREACHABLE})
"""
POOLED = {"WRITER_DATABASE_HOST": "pooler", "READER_DATABASE_HOST": "pooler"}
PATIENT = {"WRITE_DEADLINE_S": "10", "READ_TIMEOUT_S": "10"}  # what starts meanwhile takes both cores for seconds
TO_BOTH = {"READER_DATABASE_HOST": "replica", "READER_PRIMARY_URL": "http://primary-reader:8001"}
LAYOUTS = {
    "as it comes": Layout(profiles=("edge",)),
    "to be stopped": Layout(),
    "pairs": Layout(dict.fromkeys(SERVICES, 2), ("edge", "pooler"), {**POOLED, **PATIENT, "HOME_PAGE": "true"}),
    "replica": Layout(profiles=("replica",), variables=TO_BOTH),
}
AS_IT_COMES, TO_BE_STOPPED, IN_PAIRS, WITH_REPLICA = (
    pytest.mark.parametrize("system", [name], indirect=True) for name in LAYOUTS
)
"""pytest runs the tests of a layout one after the other, so that containers are made anew only for the next layout."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    for image in FROM_DEBIAN:
        ensure_image(image, tmp_path_factory.mktemp("image"))
    with running_project(tmp_path_factory.mktemp("project")) as running:
        yield running


@pytest.fixture(scope="module")
def system(project: Project, request: pytest.FixtureRequest) -> Project:
    """The project, arranged as the layout of this name."""
    project.arrange(LAYOUTS[request.param])
    return project


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


@IN_PAIRS
def test_the_contract_holds_with_two_of_each_through_a_transaction_pooler(system: Project) -> None:
    assert [len(system.containers(name)) for name in SERVICES] == [2, 2, 2]

    check_contract(system.gateway_urls()[0])

    of_services = set[str]().union(
        *map(addresses, (*system.containers("task-reader"), *system.containers("task-writer")))
    )
    (pooler,) = system.containers("pooler")
    clients = clients_of_postgres(system)
    assert clients >= addresses(pooler)
    assert clients.isdisjoint(of_services)


@WITH_REPLICA
async def test_reads_may_come_from_a_replica(system: Project) -> None:
    async with new_user(system.gateway_url) as user:
        made = await user.post("/tasks", json={"title": "Buy milk"})
        created = made.json()
        named = await user.get(f"/tasks/{created['id']}", headers={"Min-Revision": made.headers["etag"]})
        assert named.json() == created

        async def is_read() -> bool:
            return bool((await user.get(f"/tasks/{created['id']}")).json() == created)

        await eventually(is_read)
    (reader,) = system.containers("task-reader")
    assert system.sql("select state from pg_stat_replication") == ["streaming"]
    assert clients_of_postgres(system).isdisjoint(addresses(reader))


@IN_PAIRS
async def test_several_gateways_are_one_behind_the_edge(system: Project) -> None:
    async with new_user(system.edge_url) as user:
        created = [await user.post("/tasks", json={"title": f"Task {number}"}) for number in range(20)]
        listed = (await user.get("/tasks")).json()

    assert [task["id"] for task in listed] == [answer.json()["id"] for answer in reversed(created)]


@IN_PAIRS
async def test_the_edge_keeps_its_connections_to_the_gateways(system: Project) -> None:
    before = connections_taken(system)

    async with running_load(system.edge_url, clients=8) as load:
        await eventually(load.has_asked(1000), within_s=60)
        taken, requests = connections_taken(system) - before, load.tally.requests

    assert load.tally.failures == []
    assert taken < requests / 4, "among them are those of the checks, a dozen in each second"


@IN_PAIRS
async def test_no_request_fails_while_both_gateways_are_replaced(system: Project, tmp_path: Path) -> None:
    """The part of `make zero-downtime` that the edge has the most to do with."""
    async with running_load(system.edge_url, clients=8) as load:
        await eventually(load.has_asked(200), within_s=60)
        await Rollout(system, LAYOUTS["pairs"], tmp_path).replace("gateway")
        before = load.tally.requests
        await eventually(load.has_asked(before + 200), within_s=60)

    assert load.tally.failures == []


@IN_PAIRS
async def test_a_gateway_serves_the_home_page_through_the_edge_when_it_is_asked_to(system: Project) -> None:
    async with httpx.AsyncClient(base_url=system.edge_url) as browser:
        page = await browser.get("/")
        script = await browser.get("/home/home.js")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert script.status_code == 200


@AS_IT_COMES
async def test_there_is_no_home_page_unless_it_is_asked_for(system: Project) -> None:
    async with httpx.AsyncClient(base_url=system.edge_url) as browser:
        answers = [await browser.get(path) for path in ("/", "/home/home.js")]

    assert [answer.status_code for answer in answers] == [404, 404]


@AS_IT_COMES
async def test_the_edge_compresses_lists_and_what_it_makes_of_their_tags_still_matches(system: Project) -> None:
    operations = [{"op": "create", "title": f"Task {number}"} for number in range(200)]

    async with new_user(system.edge_url) as user:
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


@AS_IT_COMES
async def test_the_edge_leaves_small_answers_as_they_are(system: Project) -> None:
    async with new_user(system.edge_url) as user:
        created = await user.post("/tasks", json={"title": "Buy milk"}, headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in created.headers
    assert created.headers["etag"].startswith('"')
    assert int(created.headers["content-length"]) == len(created.content)


@IN_PAIRS
def test_events_pass_the_edge_as_they_happen_whichever_gateway_had_the_write(system: Project) -> None:
    user_id = str(uuid4())

    with httpx.Client(base_url=system.edge_url, timeout=15) as api, listening(api, user_id) as events:
        events.next()
        late = []
        for number in range(8):
            task = create(api, user_id, title=f"Task {number}")
            began = time.monotonic()
            assert events.next().json()["changed"] == [task]
            late.append(time.monotonic() - began)

    assert sorted(late)[len(late) // 2] < 1.0, "no proxy holds them back, and no hint is lost between gateways"


@AS_IT_COMES
def test_the_servers_cannot_be_reached_from_the_edge(system: Project) -> None:
    (postgres,) = system.containers("postgres")
    client = ("docker", "run", "--rm", "--network", f"{system.name}_edge", "taskwire/gateway:test")

    tried = {
        host: subprocess.run([*client, "python", "-c", CONNECT, host], check=False, timeout=60).returncode
        for host in ("postgres", *addresses(postgres))
    }

    assert len(tried) == 2
    assert set(tried.values()) == {UNREACHABLE}


@AS_IT_COMES
def test_no_container_has_more_than_it_needs(system: Project) -> None:
    check_restricted(system.containers())


@AS_IT_COMES
def test_only_gateway_and_edge_have_a_port_and_for_this_machine_alone(system: Project) -> None:
    assert published(system.containers()) == {("gateway", "127.0.0.1"), ("edge", "127.0.0.1")}


@TO_BE_STOPPED
def test_every_service_ends_in_good_order_when_it_is_stopped(system: Project) -> None:
    system.compose("stop", *SERVICES)

    ended = {container["Name"]: container["State"] for name in SERVICES for container in system.containers(name)}
    assert len(ended) == len(SERVICES)
    assert {name: state["ExitCode"] for name, state in ended.items() if state["ExitCode"] != 0} == {}


@AS_IT_COMES
async def test_migrations_that_wait_end_when_they_are_stopped(system: Project) -> None:
    """Docker makes them the first process of a container, to which SIGTERM means nothing by default."""
    hold = f"select pg_advisory_lock({ADVISORY_LOCK}), pg_sleep(100)"
    system.compose(
        "exec", "-d", "postgres", "psql", "-h", "/var/run/postgresql", "-U", "postgres", "taskwire", "-c", hold
    )
    held = "select count(*) from pg_locks where locktype = 'advisory' and granted"

    async def is_held() -> bool:
        return system.sql(held) != ["0"]

    await eventually(is_held)
    waiting = "select count(*) from pg_stat_activity where query like 'select pg_try_advisory_lock%'"
    migration = system.compose("run", "-d", "--no-deps", "migrate").split()[-1]

    async def is_waiting() -> bool:
        return system.sql(waiting) == ["1"]

    await eventually(is_waiting)
    run("docker", "stop", "--time", "20", migration)

    code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", migration).strip()
    run("docker", "rm", migration)
    system.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    assert code == "143"
