"""A short campaign of `make faults`, which takes ten minutes in full: no promise is broken."""

from pathlib import Path

from faults.campaign import plan_campaign, run_campaign
from faults.checker import check
from faults.history import History, write_history
from faults.library import calls, failed_calls
from faults.recovery import recoveries
from faults.report import streams, table

SEED = 486  # swallows a line, restarts task-readers, kills a task-writer, and lets PostgreSQL hold a lock
SECONDS = 13.0
CLIENTS = 8
FEWEST_ROUNDS, FEWEST_WRITES, FEWEST_CALLS = 2, 50, 20


async def test_a_short_campaign_finds_no_broken_promise(tmp_path: Path) -> None:
    history = History(plan_campaign(SEED, SECONDS, CLIENTS))
    said: list[str] = []

    await run_campaign(tmp_path / "stack", history, said.append)

    write_history(tmp_path / "history.jsonl", history)
    violations = check(history)
    summary = "\n".join([f"SEED={SEED}, history in {tmp_path}", *said, *table(history, violations)])
    assert violations == [], summary
    assert failed_calls(history) == [], summary
    assert len(calls(history)) >= FEWEST_CALLS, summary
    told = streams(history, violations)
    assert min(told["events"], told["resumed"], told["resets"]) > 0, summary
    recovered = recoveries(history)
    assert recovered, summary
    assert all(recovery.is_in_time for recovery in recovered), summary
    assert len({injury.round for injury in history.injuries}) >= FEWEST_ROUNDS, summary
    assert sum(operation.is_write and operation.is_answered for operation in history.operations) >= FEWEST_WRITES, (
        summary
    )
