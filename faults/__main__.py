"""`make faults`: a campaign, ten minutes unless SECONDS says otherwise, and with CLUSTER=1 on a cluster of containers.
`python -m faults check FILE` judges again, and `python -m faults kill DIRECTORY` kills the parts of a stack that
somebody else runs, such as `make run` in `.stack`.

Exit status 1 when a promise was broken, when a part did not come back or a recovery took too long, when a call of the
Python client failed, or when there were fewer faults than MIN_FAULTS. A fault that could not be made is skipped.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from faults.campaign import GATEWAYS, break_world, plan_campaign, run_campaign
from faults.checker import check
from faults.cluster.compose import running_cluster
from faults.cluster.packets import missing_means
from faults.cluster.world import cluster_world
from faults.history import History, read_history, write_history
from faults.library import failed_calls
from faults.outages import outage_table
from faults.outside import attack
from faults.recovery import recoveries
from faults.report import figures, show, slow_line, table
from faults.rules import Violation
from faults.settings import FaultsSettings, load


def main(arguments: list[str]) -> int:
    """The exit status."""
    match arguments:
        case []:
            return hold_campaign(load())
        case ["kill", directory]:
            return hold_campaign(load(), Path(directory))
        case ["check", file]:
            history = read_history(Path(file))
            violations = check(history)
            for line in outage_table(history, violations):
                show(line)
            return judge(history, violations)
        case _:
            sys.stderr.write("usage: python -m faults [check FILE | kill DIRECTORY]\n")
            return 2


def hold_campaign(settings: FaultsSettings, stack: Path | None = None) -> int:
    """Runs a campaign, keeps its history and figures, and judges it: on an own system, or on a running `stack`."""
    if settings.cluster and (missing := missing_means()) is not None:
        show(f"CLUSTER=1 drops packets of containers, and {missing} is missing here")
        return 2
    directory = settings.faults_dir / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{settings.seed}"
    directory.mkdir(parents=True)
    show(f"SEED={settings.seed}, {settings.clients} clients, {settings.seconds:.0f} s; kept in {directory}")
    gateways = GATEWAYS if stack is None else 1
    history = History(plan_campaign(settings.seed, settings.seconds, settings.clients, gateways))
    if stack is not None:
        work = attack(stack, history, show)
    elif settings.cluster:
        work = break_cluster(directory, history)
    else:
        work = run_campaign(directory / "stack", history, show)
    try:
        asyncio.run(work)
    finally:
        write_history(directory / "history.jsonl", history)
    show(f"judging {len(history.operations):,} operations")
    violations = check(history)
    (directory / "figures.json").write_text(json.dumps(figures(history, violations), indent=1) + "\n")
    status = judge(history, violations)
    if settings.cluster:
        for line in outage_table(history, violations):
            show(line)
    if len(history.made) < settings.min_faults:
        show(f"TOO FEW FAULTS: {len(history.made)} of {settings.min_faults}")
        status = 1
    show(f"history in {directory / 'history.jsonl'}; the same choices again: SEED={settings.seed}")
    return status


async def break_cluster(directory: Path, history: History) -> None:
    """Runs the history's campaign on a cluster of containers, and fills the history."""
    async with running_cluster(directory / "stack", show) as cluster:
        await break_world(await cluster_world(cluster), history, show)


def judge(history: History, violations: Sequence[Violation]) -> int:
    """Shows all figures; 1 when something was not as promised."""
    for line in (*table(history, violations), slow_line(history)):
        show(line)
    is_slow = not all(recovery.is_in_time for recovery in recoveries(history))
    is_away = not all(injury.is_back for injury in history.injuries)
    return 1 if violations or failed_calls(history) or is_slow or is_away else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
