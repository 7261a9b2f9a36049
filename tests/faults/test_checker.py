"""The checker of `make faults` finds each planted breach by its name, and finds nothing in what a sound store does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faults.checker import check
from faults.history import History, Injury, Operation, Request, read_history, write_history
from faults.rules import Rule
from tests.faults.simulated import FATES, USERS, Client, history, wander


def rules(*clients: Client) -> list[Rule]:
    return [violation.rule for violation in check(history(*clients))]


def busy_client() -> Client:
    """A clean history in which something has happened already."""
    client = Client(0)
    for number in range(3):
        client.create(f"task {number}")
    client.task("flip")
    client.task("replace", place=1, title="task 1 anew", description="2 litres", is_completed=True)
    client.task("delete", place=2)
    client.list()
    return client


def row(client: Client, place: int = 0) -> dict[str, Any]:
    return client.rows[client.known[place]]


def with_last(client: Client, **changes: Any) -> None:
    client.operations[-1] = replace(client.operations[-1], **changes)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0))
def test_what_a_sound_store_does_is_no_violation(seed: int) -> None:
    assert check(history(wander(seed, 60))) == []


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("wait_s", [0, 1.6, 10])
def test_a_write_without_a_known_outcome_may_be_done_or_not(fate: str, wait_s: float) -> None:
    client = busy_client()
    client.task("flip", fate)
    client.create("found later", fate)

    client.wait(wait_s)
    client.list()
    client.task("flip")

    assert rules(client) == []


def test_a_lost_creation_is_found() -> None:
    client = busy_client()
    client.create("lost")

    del client.rows[client.known[-1]]
    client.list()

    assert rules(client) == [Rule.LOST]


def test_a_lost_replacement_is_found_in_the_final_state() -> None:
    client = busy_client()
    before = dict(row(client))
    client.task("replace", title="lost")

    row(client).update(before)

    assert rules(client) == [Rule.LOST]


def test_a_deletion_that_did_not_last_is_found() -> None:
    client = busy_client()
    before = dict(row(client))
    client.task("delete")

    client.rows[before["id"]] = before
    client.task("get")

    assert rules(client) == [Rule.LOST]


@pytest.mark.parametrize("fate", ["done", "unknown and done"])
def test_a_doubled_toggle_is_found(fate: str) -> None:
    client = busy_client()
    client.task("flip", fate)
    client.task("get")

    row(client)["is_completed"] = not row(client)["is_completed"]
    client.task("get")

    assert rules(client) == [Rule.DOUBLED_TOGGLE]


def test_a_toggle_that_was_doubled_before_its_answer_is_found() -> None:
    client = busy_client()
    client.task("flip")

    row(client)["is_completed"] = not row(client)["is_completed"]
    with_last(client, body=dict(row(client)))

    assert rules(client) == [Rule.DOUBLED_TOGGLE]


@pytest.mark.parametrize(
    ("verb", "rule"), [("flip", Rule.DOUBLED_TOGGLE), ("create", Rule.DOUBLED), ("delete", Rule.DOUBLED)]
)
def test_a_retry_with_a_key_that_was_run_again_is_found(verb: str, rule: Rule) -> None:
    client = busy_client()
    task_id = None if verb == "create" else client.known[0]
    first = client.ask(Request(verb, task_id=task_id, title="twice", key="one"), "unknown and done")  # type: ignore[arg-type]

    client.answers.clear()
    client.ask(first.request, effect=first.number)
    client.list()

    assert rules(client) == [rule]


def test_a_replay_with_another_answer_is_found() -> None:
    client = busy_client()
    client.task("flip", key="one")

    row(client)["is_completed"] = True
    client.ask(client.operations[-1].request, effect=client.operations[-1].number)
    with_last(client, body=dict(row(client)))

    assert rules(client) == [Rule.DOUBLED_TOGGLE]


@pytest.mark.parametrize("verb", ["flip", "create"])
def test_a_write_that_took_effect_after_its_deadline_is_found(verb: str) -> None:
    client = busy_client()
    request = Request("create", title="late") if verb == "create" else Request("flip", task_id=client.known[0])
    client.ask(request, "unknown and never done")
    client.wait(10)
    client.list()

    client._carry_out(999, request)
    client.list()

    assert rules(client) == [Rule.LATE]


def held(began_s: float, back_s: float) -> Injury:
    return Injury(0, "stop", "postgres", began_s, back_s, holds_transactions=True)


def test_a_transaction_that_was_held_up_may_end_when_that_is_over() -> None:
    client = busy_client()
    request = Request("flip", task_id=client.known[0])
    client.ask(request, "unknown and never done")
    client.wait(5)
    client.list()
    client._carry_out(999, request)
    client.list()
    recorded = history(client)

    assert [violation.rule for violation in check(recorded)] == [Rule.LATE]
    recorded.injuries.append(held(1.0, 4.5))
    assert check(recorded) == []


@pytest.mark.parametrize("fate", ["refused", "unreachable"])
@pytest.mark.parametrize("verb", ["flip", "create", "delete"])
def test_an_effect_of_a_refused_write_is_found(fate: str, verb: str) -> None:
    client = busy_client()
    request = Request("create", title="refused") if verb == "create" else Request(verb, task_id=client.known[0])  # type: ignore[arg-type]
    client.ask(request, fate)

    client._carry_out(999, request)
    client.list()

    assert rules(client) == [Rule.REFUSED]


@pytest.mark.parametrize("kind", ["lock", "stall"])
def test_a_commit_after_a_503_is_found_although_a_fault_held_its_transaction(kind: str) -> None:
    client = busy_client()
    request = Request("create", title="refused by the second delivery")
    client.ask(request, "refused")
    client.wait(1.5)

    client._carry_out(999, request)
    client.list()
    recorded = history(client)
    recorded.injuries.append(Injury(0, kind, "postgres", 0.0, 60.0, holds_transactions=True))

    assert [violation.rule for violation in check(recorded)] == [Rule.REFUSED]


@pytest.mark.parametrize(("deadline_s", "found"), [(2.0, [Rule.LATE]), (10.0, [])])
def test_an_effect_is_late_by_the_deadline_that_the_product_had(deadline_s: float, found: list[Rule]) -> None:
    client = busy_client()
    request = Request("create", title="late")
    client.ask(request, "unknown and never done")
    client.wait(8)
    client.list()
    client._carry_out(999, request)
    client.list()
    recorded = history(client)
    recorded.campaign = replace(recorded.campaign, write_deadline_s=deadline_s)

    assert [violation.rule for violation in check(recorded)] == found


def test_a_refused_retry_says_nothing_of_the_first_request() -> None:
    client = busy_client()
    first = client.task("flip", "unknown and done later", key="one")

    client.ask(first.request, "refused", effect=first.number)
    client.wait(3)
    client.list()

    assert rules(client) == []


def test_a_peek_at_the_task_of_another_user_is_found() -> None:
    owner, stranger = busy_client(), Client(1)
    body = dict(row(owner))
    operation = Operation(1, 0, 0, 1.0, 1.1, Request("peek", task_id=body["id"]), 200, body)
    stranger.operations.append(operation)

    assert rules(owner, stranger) == [Rule.FOREIGN]
    stranger.operations[0] = replace(operation, status=404, body="urn:taskwire:problem:task-not-found")
    assert rules(owner, stranger) == []


def test_the_task_of_another_user_in_a_list_is_found() -> None:
    client = busy_client()
    client.list()

    with_last(client, body=[*client.operations[-1].body, {**row(client), "user_id": USERS[1], "created_at": "2"}])

    assert rules(client) == [Rule.FOREIGN]


@pytest.mark.parametrize("status", [500, 502])
def test_a_server_error_is_found(status: int) -> None:
    client = busy_client()
    client.task("flip", "unknown and done")

    with_last(client, status=status, failure=None)

    assert rules(client) == [Rule.BROKEN]


def test_an_answer_that_the_request_cannot_have_is_found() -> None:
    client = busy_client()
    client.task("get")

    with_last(client, status=422, body="urn:taskwire:problem:invalid-task")

    assert rules(client) == [Rule.UNEXPECTED]


@pytest.mark.parametrize(
    "wrong",
    [{"title": "nobody's"}, {"description": "nobody's"}, {"created_at": "2026-11-25T00:00:00+00:00"}, {"more": 1}],
)
def test_an_impossible_value_is_found(wrong: dict[str, Any]) -> None:
    client = busy_client()
    client.task("get")

    with_last(client, body={**client.operations[-1].body, **wrong})

    assert rules(client)[0] == Rule.IMPOSSIBLE


def test_a_list_in_another_order_is_found() -> None:
    client = busy_client()
    client.list()

    with_last(client, body=client.operations[-1].body[::-1])

    assert rules(client) == [Rule.IMPOSSIBLE]


def synced_client() -> Client:
    """A busy client whose copy has what was done, and that flips a task once more."""
    client = busy_client()
    client.sync()
    client.task("flip")
    client.sync()
    return client


def with_changes(client: Client, **changes: Any) -> None:
    with_last(client, body={**client.operations[-1].body, **changes})


def test_a_change_that_a_delta_leaves_out_is_found() -> None:
    client = synced_client()

    with_changes(client, changed=[])

    assert rules(client)[0] == Rule.DOUBLED_TOGGLE


def test_a_deletion_that_a_delta_leaves_out_is_found() -> None:
    client = synced_client()
    client.task("delete")
    client.sync()

    with_changes(client, deleted=[])

    assert rules(client)[0] == Rule.LOST


def test_a_revision_that_goes_back_is_found() -> None:
    client = synced_client()

    with_changes(client, revision=client.operations[-1].request.since - 1)  # type: ignore[operator]

    assert rules(client)[0] == Rule.REVISION


def test_a_revision_that_comes_again_for_another_state_is_found() -> None:
    client = synced_client()

    with_changes(client, revision=client.operations[-1].request.since)

    assert rules(client)[0] == Rule.REVISION


def test_a_broken_chain_of_revisions_is_found() -> None:
    client = synced_client()

    with_last(client, status=410, body="urn:taskwire:problem:changes-gone")

    assert rules(client)[0] == Rule.UNEXPECTED


def test_a_task_of_nobody_is_found() -> None:
    recorded = history(busy_client())
    recorded.final.append(replace(recorded.final[0], client=-1))

    assert Rule.IMPOSSIBLE in [violation.rule for violation in check(recorded)]


def test_a_history_is_judged_alike_when_it_was_stored(tmp_path: Path) -> None:
    client = busy_client()
    client.task("flip", "unknown and done")
    recorded = history(client)
    recorded.injuries.append(held(1.0, 4.5))

    write_history(tmp_path / "history.jsonl", recorded)
    stored = read_history(tmp_path / "history.jsonl")

    assert stored == recorded
    assert isinstance(stored, History)


def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"record": "Operation"}\n')

    with pytest.raises(ValueError, match="no history"):
        read_history(path)


RESTART = Injury(7, "restart", "gateway", began_s=0.0, back_s=100.0)


@pytest.mark.parametrize("fate", ["refused", "unreachable", "unknown and done"])
def test_a_request_that_fails_in_a_rolling_restart_is_found(fate: str) -> None:
    client = busy_client()
    client.task("flip", fate)
    recorded = history(client)
    recorded.injuries.append(RESTART)

    assert [violation.rule for violation in check(recorded)] == [Rule.FAILED]


def test_a_request_may_fail_when_more_happens_than_a_rolling_restart() -> None:
    client = busy_client()
    client.task("flip", "refused")
    recorded = history(client)
    recorded.injuries.extend([RESTART, Injury(7, "kill", "postgres", began_s=1.0, back_s=2.0)])

    assert check(recorded) == []


def test_a_request_may_fail_before_a_rolling_restart() -> None:
    client = busy_client()
    client.task("flip", "refused")
    recorded = history(client)
    recorded.injuries.append(replace(RESTART, began_s=client.now_s))

    assert check(recorded) == []
