"""POST /api/{user_id}/batch carries out up to 1,000 operations; each has its own result, in order."""

import json
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest

from tests.task_fields import DEFAULTS, REFUSED

from .expectations import assert_problem, assert_task, assert_unprocessable
from .tasks import GET, Task, create, fetch, list_all, unknown_id

type Json = dict[str, Any]

OPS = ("replace", "patch", "complete", "delete")
MAX_OPERATIONS = 1_000
MAX_BYTES = 1024 * 1024


def url(user_id: str) -> str:
    return f"/api/{user_id}/batch"


def post(api: httpx.Client, user_id: str, operations: object, **headers: str) -> httpx.Response:
    return api.post(url(user_id), json={"operations": operations}, headers=headers)


def results(response: httpx.Response) -> list[Json]:
    """The results of a batch that was carried out."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == {"results"}
    return cast("list[Json]", body["results"])


def run(api: httpx.Client, user_id: str, *operations: Json) -> list[Json]:
    return results(post(api, user_id, list(operations)))


def statuses(found: list[Json]) -> list[int]:
    return [one["status"] for one in found]


def operation(op: str, task_id: str, **more: object) -> Json:
    """An operation that the API accepts."""
    fields: dict[str, Json] = {"replace": {"title": "replaced"}, "patch": {"title": "patched"}}
    return {"op": op, "id": task_id, **fields.get(op, {}), **more}


def test_every_operation_has_its_result_in_order(api: httpx.Client, user_id: str) -> None:
    tasks = [create(api, user_id, description="x") for _ in range(4)]
    ids = [task["id"] for task in tasks]

    found = run(
        api, user_id,
        {"op": "create", "title": "made", "description": "d", "is_completed": True},
        {"op": "replace", "id": ids[0], "title": "replaced"},
        {"op": "patch", "id": ids[1], "description": None},
        {"op": "complete", "id": ids[2]},
        {"op": "delete", "id": ids[3]},
    )  # fmt: skip

    assert statuses(found) == [201, 200, 200, 200, 204]
    made, replaced, patched, completed = (one["task"] for one in found[:4])
    assert_task(made)
    assert (made["title"], made["description"], made["is_completed"]) == ("made", "d", True)
    assert replaced == {**tasks[0], **DEFAULTS, "title": "replaced"}
    assert patched == {**tasks[1], "description": None}
    assert completed == {**tasks[2], "is_completed": True}
    assert set(found[4]) <= {"status", "etag"}
    assert sorted(list_all(api, user_id), key=lambda one: one["id"]) == sorted(
        [made, replaced, patched, completed], key=lambda one: one["id"]
    )


def test_an_etag_is_that_of_the_task(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    made, changed, gone = run(
        api, user_id, {"op": "create", "title": "x"}, operation("patch", task["id"]), operation("delete", unknown_id())
    )

    for one in (made, changed):
        assert one["etag"] == api.get(GET.url(user_id, one["task"]["id"])).headers["etag"]
    assert "etag" not in gone


def test_operations_on_one_task_happen_in_order(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    found = run(
        api, user_id,
        operation("complete", task_id), operation("complete", task_id), operation("complete", task_id),
        operation("patch", task_id, title="1"), operation("replace", task_id, title="2"),
        operation("complete", task_id, is_completed=True), operation("delete", task_id), operation("patch", task_id),
    )  # fmt: skip

    assert statuses(found) == [200, 200, 200, 200, 200, 200, 204, 404]
    seen = [(one["task"]["title"], one["task"]["is_completed"]) for one in found if "task" in one]
    assert seen == [
        ("buy milk", True), ("buy milk", False), ("buy milk", True), ("1", True), ("2", False), ("2", True)
    ]  # fmt: skip
    assert list_all(api, user_id) == []


def test_a_batch_of_one_answers_what_the_operation_alone_answers(api: httpx.Client, user_id: str) -> None:
    missing = unknown_id()

    alone = [
        api.delete(GET.url(user_id, missing)),
        api.put(GET.url(user_id, missing), json={"title": "x"}),
    ]
    found = run(api, user_id, operation("delete", missing), operation("replace", missing, title="x"))

    assert [one["problem"] for one in found] == [answer.json() for answer in alone]
    assert statuses(found) == [404, 404]


@pytest.mark.parametrize("op", OPS)
def test_a_missing_task_harms_no_other_operation(api: httpx.Client, user_id: str, op: str) -> None:
    task = create(api, user_id)

    found = run(
        api, user_id, operation("patch", task["id"], title="1"), operation(op, unknown_id()),
        {"op": "create", "title": "2"},
    )  # fmt: skip

    assert statuses(found) == [200, 404, 201]
    assert found[1]["problem"]["type"] == "urn:taskwire:problem:task-not-found"
    assert {one["title"] for one in list_all(api, user_id)} == {"1", "2"}


@pytest.mark.parametrize("op", OPS)
def test_a_strangers_task_is_404_and_stays_as_it_is(api: httpx.Client, user_id: str, stranger_id: str, op: str) -> None:
    theirs = create(api, user_id)

    (found,) = run(api, stranger_id, operation(op, theirs["id"]))

    assert (found["status"], set(found)) == (404, {"status", "problem"})
    assert fetch(api, user_id, theirs["id"]) == theirs
    assert list_all(api, stranger_id) == []


@pytest.mark.parametrize("op", OPS)
def test_a_precondition_counts_for_its_operation_alone(api: httpx.Client, user_id: str, op: str) -> None:
    task = create(api, user_id)
    etag = api.get(GET.url(user_id, task["id"])).headers["etag"]
    other = create(api, user_id)

    failed, done, again = run(
        api, user_id,
        operation(op, task["id"], if_match='"1-5"'),
        operation("complete", other["id"]),
        operation(op, task["id"], if_match=f'"1-5", {etag}'),
    )  # fmt: skip

    assert (failed["status"], failed["etag"], set(failed)) == (412, etag, {"status", "etag", "problem"})
    assert failed["problem"]["type"] == "urn:taskwire:problem:precondition-failed"
    assert done["status"] == 200
    assert again["status"] == (204 if op == "delete" else 200)


def test_of_two_changes_that_expect_the_same_etag_the_second_is_412(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    etag = api.get(GET.url(user_id, task["id"])).headers["etag"]

    first, second, third = run(
        api, user_id,
        *(operation("patch", task["id"], title=title, if_match=etag) for title in "ab"),
        operation("patch", task["id"], title="c", if_none_match=etag),
    )  # fmt: skip

    assert (first["status"], second["status"], third["status"]) == (200, 412, 200)
    assert second["etag"] == first["etag"] != third["etag"]
    assert fetch(api, user_id, task["id"])["title"] == "c"


def test_a_missing_task_comes_before_a_precondition(api: httpx.Client, user_id: str) -> None:
    assert statuses(run(api, user_id, operation("patch", unknown_id(), if_match='"1-5"'))) == [404]


def test_if_match_of_the_whole_request_is_400_and_nothing_is_done(api: httpx.Client, user_id: str) -> None:
    response = post(api, user_id, [{"op": "create", "title": "x"}], **{"If-Match": '"1-5"'})

    assert assert_problem(response, 400)["type"] == "urn:taskwire:problem:invalid-precondition"
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("op", ["replace", "patch"])
def test_a_task_may_be_sent_back_as_it_was_shown(api: httpx.Client, user_id: str, op: str) -> None:
    task = create(api, user_id, description="d")

    (found,) = run(api, user_id, {"op": op, **task, "user_id": user_id.upper(), "title": "x"})

    assert (found["status"], found["task"]) == (200, {**task, "title": "x"})


BROKEN: dict[str, tuple[Json, str]] = {
    "no op": ({"title": "x"}, "/op"),
    "an unknown op": ({"op": "move", "id": unknown_id()}, "/op"),
    "op null": ({"op": None}, "/op"),
    "op a number": ({"op": 1}, "/op"),
    "a create without a title": ({"op": "create"}, "/title"),
    "a blank title": ({"op": "create", "title": " "}, "/title"),
    "a create with an id": ({"op": "create", "title": "x", "id": unknown_id()}, "/id"),
    "no id": ({"op": "delete"}, "/id"),
    "an id that is none": ({"op": "delete", "id": "me"}, "/id"),
    "an id in braces": ({"op": "patch", "id": "{" + unknown_id() + "}"}, "/id"),
    "an id of a number": ({"op": "complete", "id": 1}, "/id"),
    "a replacement without a title": ({"op": "replace", "id": unknown_id()}, "/title"),
    "a title that is cleared": ({"op": "patch", "id": unknown_id(), "title": None}, "/title"),
    "a completion null": ({"op": "complete", "id": unknown_id(), "is_completed": None}, "/is_completed"),
    "a body for delete": ({"op": "delete", "id": unknown_id(), "title": "x"}, "/title"),
    "another user": ({"op": "replace", "id": unknown_id(), "title": "x", "user_id": unknown_id()}, "/user_id"),
    "an unknown member": ({"op": "create", "title": "x", "a/b": 1}, "/a~1b"),
    "a member of another op": ({"op": "complete", "id": unknown_id(), "title": "x"}, "/title"),
    "if_match without quotes": ({"op": "delete", "id": unknown_id(), "if_match": "5"}, "/if_match"),
    "if_match null": ({"op": "delete", "id": unknown_id(), "if_match": None}, "/if_match"),
    "if_match a list": ({"op": "delete", "id": unknown_id(), "if_match": ['"1-5"']}, "/if_match"),
    "if_match too long": ({"op": "delete", "id": unknown_id(), "if_match": ", ".join(['"1-5"'] * 37)}, "/if_match"),
    "if_none_match too long": (
        {"op": "create", "title": "x", "if_none_match": "," * 1_000_000 + '"1-5"'},
        "/if_none_match",
    ),
    "if_none_match a number": ({"op": "create", "title": "x", "if_none_match": 5}, "/if_none_match"),
}


@pytest.mark.parametrize(("broken", "pointer"), BROKEN.values(), ids=BROKEN.keys())
def test_an_operation_that_breaks_a_rule_is_422_with_its_place_and_nothing_is_done(
    api: httpx.Client, user_id: str, broken: Json, pointer: str
) -> None:
    response = post(api, user_id, [{"op": "create", "title": "x"}, {"op": "create", "title": "y"}, broken])

    assert assert_unprocessable(response) == [f"#/operations/2{pointer}"]
    assert list_all(api, user_id) == []


@pytest.mark.parametrize(("member", "value"), REFUSED)
@pytest.mark.parametrize("op", ["create", "replace", "patch"])
def test_a_value_of_another_type_is_422(api: httpx.Client, user_id: str, op: str, member: str, value: object) -> None:
    asked = {"op": op, "title": "x", member: value} | ({} if op == "create" else {"id": unknown_id()})

    assert assert_unprocessable(post(api, user_id, [asked])) == [f"#/operations/0/{member}"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], "#"),
        (None, "#"),
        ({}, "#/operations"),
        ({"operations": []}, "#/operations"),
        ({"operations": None}, "#/operations"),
        ({"operations": {}}, "#/operations"),
        ({"operations": {"op": "create", "title": "x"}}, "#/operations"),
        ({"operations": [1]}, "#/operations/0"),
        ({"operations": [[]]}, "#/operations/0"),
        ({"operations": [{"op": "create", "title": "x"}, None]}, "#/operations/1"),
        ({"operations": [{"op": "create", "title": "x"}], "atomic": True}, "#/atomic"),
        ({"operations": [{"op": "create", "title": "x"}] * (MAX_OPERATIONS + 1)}, "#/operations"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_json_of_another_form_is_422_and_nothing_is_done(
    api: httpx.Client, user_id: str, body: object, pointer: str
) -> None:
    headers = {"Content-Type": "application/json"}

    response = api.post(url(user_id), content=json.dumps(body), headers=headers)

    assert assert_unprocessable(response) == [pointer]
    assert list_all(api, user_id) == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"operations": [{"op": "create", "title": "x"}', b'{"operations": NaN}',
        b'{"operations": [], "operations": []}',
        b'{"operations": [{"op": "create", "title": "x", "title": "x"}]}',
        b'{"operations": [{"op": "create", "op": "create", "title": "x"}]}',
        b'{"operations": [{"op": "create", "title": "a:b"}, {"op": "create", "title": "x", "titl\\u0065": "y"}]}',
    ],
    ids=lambda body: repr(body)[:60],
)  # fmt: skip
def test_what_is_no_json_is_400_and_nothing_is_done(api: httpx.Client, user_id: str, body: bytes) -> None:
    response = api.post(url(user_id), content=body, headers={"Content-Type": "application/json"})

    assert_problem(response, 400)
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/merge-patch+json"], ids=str)
def test_another_media_type_is_415(api: httpx.Client, user_id: str, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = b'{"operations": [{"op": "create", "title": "x"}]}'

    response = api.post(url(user_id), content=body, headers=headers)

    assert_problem(response, 415)
    assert response.headers["accept"] == "application/json"
    assert list_all(api, user_id) == []


def test_a_thousand_operations_are_carried_out(api: httpx.Client, user_id: str) -> None:
    found = run(api, user_id, *({"op": "create", "title": str(number)} for number in range(MAX_OPERATIONS)))

    assert statuses(found) == [201] * MAX_OPERATIONS
    assert [one["task"]["title"] for one in found] == [str(number) for number in range(MAX_OPERATIONS)]
    listed = list_all(api, user_id)
    assert sorted(one["id"] for one in listed) == sorted(one["task"]["id"] for one in found)


def of_size(size_bytes: int) -> bytes:
    """A batch with texts as long as they may be, filled up with white space to this size."""
    operations = [{"op": "create", "title": "t" * 255, "description": "d" * 2_000}] * 400
    return json.dumps({"operations": operations}).encode().ljust(size_bytes)


def test_a_body_of_one_mib_is_read(api: httpx.Client, user_id: str) -> None:
    headers = {"Content-Type": "application/json"}

    response = api.post(url(user_id), content=of_size(MAX_BYTES), headers=headers)

    assert statuses(results(response)) == [201] * 400


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
def test_a_byte_more_is_413_and_nothing_is_done(api: httpx.Client, user_id: str, chunked: bool) -> None:
    body = of_size(MAX_BYTES + 1)
    content = (body[start : start + 50_000] for start in range(0, len(body), 50_000)) if chunked else body

    response = api.post(url(user_id), content=content, headers={"Content-Type": "application/json"})

    assert_problem(response, 413)
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("path_user", ["me", "7f1b5f0e"])
def test_an_invalid_user_is_400(api: httpx.Client, path_user: str) -> None:
    assert_problem(post(api, path_user, [{"op": "create", "title": "x"}]), 400)


def test_a_query_parameter_is_400(api: httpx.Client, user_id: str) -> None:
    response = api.post(url(user_id) + "?atomic=true", json={"operations": [{"op": "create", "title": "x"}]})

    assert_problem(response, 400)
    assert list_all(api, user_id) == []


def fresh_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def test_one_key_covers_the_whole_batch(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    key = fresh_key()
    operations = [
        {"op": "create", "title": "x"}, operation("complete", task["id"]), operation("delete", unknown_id()),
        operation("patch", task["id"], if_match='"1-5"'), {"op": "create", "title": "x"},
    ]  # fmt: skip

    first = post(api, user_id, operations, **key)
    state = list_all(api, user_id)
    api.patch(f"{GET.url(user_id, task['id'])}/complete")
    again = [post(api, user_id, operations, **key) for _ in range(2)]

    assert statuses(results(first)) == [201, 200, 404, 412, 201]
    assert [answer.content for answer in again] == [first.content] * 2
    assert "idempotency-replayed" not in first.headers
    assert [answer.headers["idempotency-replayed"] for answer in again] == ["true"] * 2
    assert len(list_all(api, user_id)) == len(state) == 3


LIST = [{"op": "create", "title": "a"}, {"op": "create", "title": "b"}]
OTHER_LISTS = {
    "another last": [LIST[0], {"op": "create", "title": "c"}],
    "another first": [{"op": "create", "title": "c"}, LIST[1]],
    "another order": LIST[::-1],
    "fewer": LIST[:1],
    "more": [*LIST, {"op": "create", "title": "c"}],
    "many more": LIST * 20,
    "another op": [LIST[0], {"op": "delete", "id": unknown_id()}],
    "a precondition": [LIST[0], {**LIST[1], "if_none_match": '"1-5"'}],
}


@pytest.mark.parametrize("other", OTHER_LISTS.values(), ids=OTHER_LISTS.keys())
@pytest.mark.parametrize("swapped", [False, True])
def test_another_list_under_the_same_key_is_422_and_nothing_of_it_is_done(
    api: httpx.Client, user_id: str, other: list[Json], swapped: bool
) -> None:
    key = fresh_key()
    one, two = (other, LIST) if swapped else (LIST, other)

    first = post(api, user_id, one, **key)
    state = list_all(api, user_id)
    reused = post(api, user_id, two, **key)
    again = post(api, user_id, one, **key)

    assert assert_problem(reused, 422)["type"] == "urn:taskwire:problem:idempotency-key-reused"
    assert (again.status_code, again.content) == (200, first.content)
    assert list_all(api, user_id) == state


def test_a_key_of_a_single_write_is_not_one_of_a_batch(api: httpx.Client, user_id: str) -> None:
    key, other = fresh_key(), fresh_key()
    tasks = f"/api/{user_id}/tasks"

    alone = api.post(tasks, json={"title": "a"}, headers=key)
    batch = post(api, user_id, LIST, **other)
    answers = [post(api, user_id, LIST, **key), api.post(tasks, json={"title": "a"}, headers=other)]

    assert (alone.status_code, batch.status_code) == (201, 200)
    for answer in answers:
        assert assert_problem(answer, 422)["type"] == "urn:taskwire:problem:idempotency-key-reused"
    assert sorted(one["title"] for one in list_all(api, user_id)) == ["a", "a", "b"]


def test_the_same_list_in_another_spelling_is_the_same_request(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    key = fresh_key()
    one = [{"op": "create", "title": "é"}, {"op": "delete", "id": task["id"]}]
    other = (
        '{ "operations": [{"is_completed": false, "title": "\\u00e9", "description": null, "op": "create"},'
        f'{{"id": "{task["id"].upper()}", "op": "delete"}}]}}'
    )

    first = post(api, user_id, one, **key)
    again = api.post(url(user_id), content=other, headers={**key, "Content-Type": "application/json"})

    assert (again.status_code, again.content, again.headers.get("idempotency-replayed")) == (200, first.content, "true")


def test_the_same_key_of_two_users_is_two_keys(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    key = fresh_key()

    answers = [post(api, one, LIST, **key) for one in (user_id, stranger_id)]

    assert [statuses(results(answer)) for answer in answers] == [[201, 201]] * 2
    assert [len(list_all(api, one)) for one in (user_id, stranger_id)] == [2, 2]


def test_a_list_that_was_refused_leaves_its_key_free(api: httpx.Client, user_id: str) -> None:
    key = fresh_key()

    refused, done = post(api, user_id, [*LIST, {"op": "create"}], **key), post(api, user_id, LIST, **key)

    assert_problem(refused, 422)
    assert (statuses(results(done)), "idempotency-replayed" in done.headers) == ([201, 201], False)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_405(api: httpx.Client, user_id: str, method: str) -> None:
    response = api.request(method, url(user_id))

    assert_problem(response, 405)
    assert {name.strip() for name in response.headers["allow"].split(",")} == {"OPTIONS", "POST"}


def test_the_titles_of_the_tasks_are_those_of_their_places(api: httpx.Client, user_id: str) -> None:
    texts = ['"', "\\", "a:b", "é", "😀", "a\u2028b", "x" * 255]

    found = run(api, user_id, *({"op": "create", "title": text} for text in texts))

    assert [cast("Task", one["task"])["title"] for one in found] == texts
