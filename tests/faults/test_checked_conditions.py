"""The checker of `make faults` finds planted breaches in conditional requests, pages, patches and batches."""

from dataclasses import replace
from typing import Any

import pytest

from faults.checker import check
from faults.history import Request
from faults.rules import Rule
from tests.faults.simulated import FATES, WRITES_OF_A_TASK, Client, history


def rules(client: Client) -> list[Rule]:
    return [violation.rule for violation in check(history(client))]


def tagged_client() -> Client:
    """Five tasks, the last of which was flipped; the client has the entity tag of each."""
    client = Client(0)
    for number in range(5):
        client.create(f"task {number}")
    client.task("flip", place=4)
    return client


def tag(client: Client, place: int = 0) -> str:
    return client.tags[client.known[place]]


def row(client: Client, place: int = 0) -> dict[str, Any]:
    return client.rows[client.known[place]]


def with_last(client: Client, **changes: Any) -> None:
    client.operations[-1] = replace(client.operations[-1], **changes)


def batch(client: Client, fate: str = "done", **more: Any) -> None:
    """A flip, a patch, a deletion and a creation."""
    first, second, third, *_ = client.known
    operations = (
        Request("flip", first),
        Request("patch", second, title="of a batch", changed=("title",)),
        Request("delete", third),
        Request("create", title="new of a batch", is_completed=False),
    )
    client.ask(Request("batch", operations=operations, **more), fate)


def results(client: Client) -> list[dict[str, Any]]:
    """Of the last batch, to be changed."""
    found: list[dict[str, Any]] = client.operations[-1].body["results"]
    return found


@pytest.mark.parametrize("verb", WRITES_OF_A_TASK)
@pytest.mark.parametrize("is_current", [True, False])
@pytest.mark.parametrize("fate", FATES)
def test_what_a_sound_store_answers_to_a_condition_is_no_violation(verb: Any, is_current: bool, fate: str) -> None:
    client = tagged_client()
    seen = tag(client)
    if not is_current:
        client.task("flip")

    asked = client.task(
        verb, fate, if_match=seen, title="new", is_completed=True, changed=("title", "is_completed"), key="one"
    )
    client.ask(asked.request, effect=asked.effect)
    client.list()

    assert rules(client) == []


def test_a_412_to_the_current_entity_tag_is_found() -> None:
    client = tagged_client()
    client.task("flip", "refused", if_match=tag(client))

    with_last(client, status=412, etag='"1-99"')

    assert rules(client) == [Rule.REVISION]


@pytest.mark.parametrize("verb", ["flip", "delete"])
def test_a_write_that_was_carried_out_although_the_task_had_changed_is_found(verb: Any) -> None:
    client = tagged_client()
    seen = tag(client)
    client.task("flip")

    client.task(verb)
    with_last(client, request=replace(client.operations[-1].request, if_match=seen))

    assert rules(client) != []


def test_an_effect_of_a_write_that_was_412_is_found() -> None:
    client = tagged_client()
    seen = tag(client)
    client.task("flip")
    client.task("replace", title="not done", if_match=seen)

    client._carry_out(999, Request("replace", client.known[0], title="not done"))
    client.list()

    assert rules(client) != []


@pytest.mark.parametrize("verb", ["get", "list"])
def test_a_304_for_what_has_changed_is_found(verb: Any) -> None:
    client = tagged_client()
    client.list()
    seen = tag(client) if verb == "get" else client.tags["list"]
    client.task("flip")

    client.ask(Request(verb, client.known[0] if verb == "get" else None, if_none_match=seen))
    with_last(client, status=304, body=None, etag=seen)

    assert rules(client)[0] is Rule.DOUBLED_TOGGLE


@pytest.mark.parametrize("verb", ["get", "list"])
def test_a_200_to_the_current_entity_tag_is_found(verb: Any) -> None:
    client = tagged_client()
    client.list()
    client.ask(Request("get", client.known[0]))
    client.ask(Request(verb, client.known[0] if verb == "get" else None))

    with_last(client, request=replace(client.operations[-1].request, if_none_match=client.operations[-1].etag))

    assert rules(client) == [Rule.REVISION]


def test_an_entity_tag_that_comes_again_for_another_state_is_found() -> None:
    client = tagged_client()
    before = tag(client)

    client.task("flip")
    with_last(client, etag=before)

    assert rules(client) == [Rule.REVISION]


def test_an_entity_tag_that_goes_back_is_found() -> None:
    client = tagged_client()

    client.task("flip")
    with_last(client, etag='"1-0"')

    assert rules(client) == [Rule.REVISION]


def test_a_list_with_the_revision_of_another_state_is_found() -> None:
    client = tagged_client()
    client.sync()
    client.task("flip")
    client.list()

    with_last(client, etag=f'"1-{client.synced}"')

    assert rules(client) == [Rule.REVISION]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_task_that_a_page_leaves_out_is_found(which: int) -> None:
    client = tagged_client()
    for _ in range(which + 1):
        client.ask(Request("page", cursor=client.cursor))

    page = client.operations[-1].body
    with_last(client, body={**page, "tasks": page["tasks"][1:]})

    assert rules(client)[0] is Rule.LOST


def test_a_task_that_two_pages_show_is_found() -> None:
    client = tagged_client()
    client.ask(Request("page"))
    first = client.operations[-1].body
    client.ask(Request("page", cursor=client.cursor))

    with_last(client, body=first)

    assert Rule.IMPOSSIBLE in rules(client)


def test_a_lost_part_of_a_patch_is_found() -> None:
    client = tagged_client()
    client.task("patch", title="new", is_completed=True, changed=("title", "is_completed"))

    row(client)["title"] = "task 0"
    client.task("get")

    assert rules(client) != []


@pytest.mark.parametrize("fate", FATES)
def test_a_batch_without_a_known_outcome_may_be_done_or_not(fate: str) -> None:
    client = tagged_client()
    batch(client, fate, key="one")
    asked = client.operations[-1]
    client.ask(asked.request, effect=asked.effect)

    client.wait(5)
    client.list()
    client.sync()

    assert rules(client) == []


def test_an_operation_of_a_batch_that_took_effect_twice_is_found() -> None:
    client = tagged_client()
    batch(client, "unknown and done", key="one")
    asked = client.operations[-1]

    del client.answers[asked.effect]  # of the flip
    client.ask(asked.request, effect=asked.effect)

    assert rules(client) == [Rule.DOUBLED_TOGGLE]


def test_an_operation_of_a_batch_that_is_lost_is_found() -> None:
    client = tagged_client()
    batch(client)

    del client.rows[client.known[-1]]

    assert rules(client)[0] is Rule.LOST


def test_an_operation_of_a_batch_that_was_refused_and_done_is_found() -> None:
    client = tagged_client()
    batch(client)

    results(client)[0] = {"status": 503, "problem": {"type": "urn:taskwire:problem:not-done"}}
    client.list()

    assert rules(client) == [Rule.REFUSED]


def test_the_result_of_another_operation_is_found() -> None:
    client = tagged_client()
    batch(client)

    results(client)[:2] = results(client)[1::-1]

    assert rules(client) != []


def test_a_batch_with_too_few_results_is_found() -> None:
    client = tagged_client()
    batch(client)

    results(client).pop()

    assert Rule.IMPOSSIBLE in rules(client)
