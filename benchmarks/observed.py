"""`make bench-observed`: what it costs to see and to guard the product, which runs three times side by side.

`plain` shows neither metrics nor traces. `observed` is scraped, traces one request in a hundred, and logs as in
containers. `jwt` is as `plain`, for who bears a token. Each has servers of its own. About six minutes; `QUICK=1` under
two. Exit status 0 whatever comes out, unless `STRICT=1` and a goal is not reached.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack.services import reads_through
from local_stack.stack import Stack
from local_stack.waiting import until

from benchmarks.dataset import SMALL, WRITING, fill, mixed, write_requests
from benchmarks.goals import Verdict
from benchmarks.load import LoadFailed, Pressure, drive, prepare_generator
from benchmarks.machine import describe
from benchmarks.measuring import Run, ratio, warm_up
from benchmarks.otlp import collecting
from benchmarks.plan import Plan, carry_out
from benchmarks.report import as_json, show, show_blocks, tables
from benchmarks.results import keep_json
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.scraping import Scrapes, scraping
from benchmarks.settings import load
from benchmarks.systems import System, database_url, own_postgres, product, restart_services, running_product
from benchmarks.tokens import ALGORITHM, issue_tokens

QUICK = Plan(rounds=2, seconds=1)
FULL = Plan(rounds=7, seconds=2)
READY_WITHIN_S = 30.0
MEASURED = tuple(scenario for scenario in SCENARIOS if "1,000" not in scenario.name)
KEPT_GOALS = {"observed": 0.95, "jwt": 0.90}
"""The share of the plain product's requests/s that has to be kept."""

TRACED = 0.01
BARE = {"AUTH_MODE": "", "LOG_REQUESTS": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
"""Not set, whatever the environment says."""


class NotAsNamed(Exception):
    """A variant is not scraped, traced or protected as its name says, so its figures mean nothing."""


@dataclass(frozen=True)
class Variant:
    """The environment variables of a variant, and its file of tokens, if it needs tokens."""

    variables: Mapping[str, str]
    tokens: Path | None = None


def variants(directory: Path, collector_url: str) -> dict[str, Variant]:
    """All three, by name. Their files are in the directory."""
    plain = {**BARE, "ADMIN_PORT": ""}
    observed = {
        **BARE,
        "LOG_FORMAT": "json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(TRACED),
    }
    users = [group.user_id(number) for group in (SMALL, WRITING) for number in range(group.users)]
    tokens = directory / "tokens.txt"
    guarded = {**plain, **issue_tokens(directory / "keys.json", tokens, users)}
    return {"plain": Variant(plain), "observed": Variant(observed), "jwt": Variant(guarded, tokens)}


async def main(plan: Plan) -> bool:
    """Whether all goals are reached; the results are printed and kept."""
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as temporary, collecting() as collector:
        directory = Path(temporary)
        requests = write_requests(directory / "requests.txt", mixed())
        async with AsyncExitStack() as running:
            started = [
                await running.enter_async_context(running_variant(directory / name, variant, requests))
                for name, variant in variants(directory, collector.url).items()
            ]
            (plain, _), (observed, _), (_, guarded) = started
            systems = [system for _, system in started]
            facts = {**await describe(plain), "plan": vars(plan), "tokens": ALGORITHM}
            await require_guarded(guarded)
            scrapes = await running.enter_async_context(scraping(admin_urls(observed)))
            await warm_up(systems, requests)
            measured = await carry_out(plan, MEASURED, systems, directory, judge)
        spans = Counter(span.service for span in collector.spans)
    require_observed(observed.services, scrapes, spans)
    facts["observed"] = {"scrapes": scrapes.count, "scraped_bytes": scrapes.bytes, "spans": dict(spans)}
    show_blocks([*tables(measured, facts), [f"observed: {facts['observed']}"]])
    keep_json("observed", {**facts, "scenarios": as_json(measured)})
    return all(verdict.reached for one in measured for verdict in one.verdicts)


@asynccontextmanager
async def running_variant(directory: Path, variant: Variant, requests: Path) -> AsyncIterator[tuple[Stack, System]]:
    """The product as this variant, of the directory's name and with the measured rows, once it takes these requests."""
    async with running_product(directory) as stack:
        await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL)
        await restart_services(stack, variant.variables)
        system = product(stack, directory.name, variant.tokens)
        await until(partial(serves, system, requests), within_s=READY_WITHIN_S)
        show(f"{system.name} is up")
        yield stack, system


async def serves(system: System, requests: Path) -> bool:
    """Whether reads and writes succeed, with a token where it needs one."""
    try:
        await drive(system.url, requests, Pressure(connections=1, seconds=1), system.tokens)
    except LoadFailed:
        return False
    return True


def judge(_: Scenario, runs: Mapping[str, Sequence[Run]]) -> list[Verdict]:
    """The rates of the other variants as shares of the plain one's."""
    return [
        Verdict(
            f"requests/s {name} / plain",
            ratio(runs[name], runs["plain"], lambda load: load.requests_per_s),
            at_least=share,
        )
        for name, share in KEPT_GOALS.items()
    ]


def admin_urls(stack: Stack) -> list[str]:
    """The admin ports of all three services."""
    addresses = stack.addresses
    return [addresses.gateway_admin_url, addresses.task_reader_admin_url, addresses.task_writer_admin_url]


async def require_guarded(system: System) -> None:
    """NotAsNamed when it serves a request without a token."""
    if await reads_through(system.url):
        raise NotAsNamed(f"{system.name} serves requests without a token")


def require_observed(services: Iterable[str], scrapes: Scrapes, spans: Mapping[str, int]) -> None:
    """NotAsNamed when a service was not scraped, or exported no span."""
    missing = [service for service in services if not spans.get(service)]
    if missing or not scrapes.count:
        raise NotAsNamed(f"there were {scrapes.count} scrapes, and no spans of {', '.join(missing) or 'nobody'}")


if __name__ == "__main__":
    settings = load()
    reached = asyncio.run(main(QUICK if settings.quick else FULL))
    sys.exit(1 if settings.strict and not reached else 0)
