"""The system under test on a RabbitMQ cluster: two gateways and two task-writers, who list its nodes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.ports import pick_port
from local_stack.settings import StackSettings
from local_stack.stack import Stack, prepare_stack
from local_stack.state import open_state
from local_stack.supervision import Process, Report
from local_stack.waiting import until
from pydantic import SecretStr

from faults.lines import Line, line_to
from faults.rabbitmq_cluster import Cluster, running_cluster
from faults.system import port, says_ready, second_replica, with_environment

_READY_WITHIN_S = 60.0
_REPLICATED = ("gateway", "task-writer")


@dataclass(frozen=True)
class ClusteredSystem:
    """A running stack on a cluster, with two `replicas` of each service that uses RabbitMQ. All their connections to a
    node go over its line, in the order of the nodes."""

    stack: Stack
    cluster: Cluster
    replicas: Mapping[str, tuple[Process, Process]]
    lines: Sequence[Line]

    @property
    def gateway_urls(self) -> tuple[str, str]:
        first, second = (f"http://127.0.0.1:{port(process)}" for process in self.replicas["gateway"])
        return first, second

    @property
    def processes(self) -> Sequence[Process]:
        """Those of the services that use RabbitMQ."""
        return [process for both in self.replicas.values() for process in both]

    async def is_ready(self) -> bool:
        """Whether each of them says so."""
        return all([await says_ready(process) for process in self.processes])


@asynccontextmanager
async def running_on_cluster(directory: Path, report: Report) -> AsyncIterator[ClusteredSystem]:
    """A ready system on servers of its own in `directory`, after about 30 s."""
    async with AsyncExitStack() as opened:
        cluster = await opened.enter_async_context(running_cluster(directory, report))
        lines = [await opened.enter_async_context(line_to(node.port)) for node in cluster.nodes]
        state = await opened.enter_async_context(open_state(directory / "stack"))
        settings = StackSettings(
            stack_dir=state.path,
            gateway_port=pick_port(),
            admin_port=pick_port(),
            database_url=None,
            rabbitmq_url=SecretStr(cluster.url),
        )
        stack = await prepare_stack(settings, state, report)
        replicas = {name: (stack.services[name], second_replica(stack, name, report)) for name in _REPLICATED}
        for user, processes in replicas.items():
            nodes = zip(cluster.nodes, lines, strict=True)
            urls = [node.user_urls[user].replace(f":{node.port}/", f":{line.port}/") for node, line in nodes]
            for process in processes:
                process.program = with_environment(process.program, {"RABBITMQ_URL": ",".join(urls)})
        for _, second in replicas.values():
            opened.push_async_callback(second.stop)
        opened.push_async_callback(stack.stop)
        await stack.start()
        for _, second in replicas.values():
            await second.start()
        system = ClusteredSystem(stack, cluster, replicas, lines)
        await until(system.is_ready, within_s=_READY_WITHIN_S)
        yield system
