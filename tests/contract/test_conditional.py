"""Conditional requests (RFC 9110, section 13): 304 for what the client has, 412 for a write to what it has not seen."""

import threading
from typing import Any

import httpx
import pytest

from .expectations import assert_problem
from .tasks import (
    COMPLETE,
    CREATE,
    DELETE,
    GET,
    LIST,
    OF_ONE_TASK,
    PATCH,
    REPLACE,
    Operation,
    call,
    create,
    fetch,
    list_all,
    unknown_id,
)

CHANGES = (REPLACE, PATCH, COMPLETE, DELETE)
READS = (LIST, GET)
FOREIGN = '"another-server"'
OF_A_COMPRESSING_PROXY = "W/{}"
DATE = "Sat, 29 Oct 2094 19:43:31 GMT"


def tag_of(api: httpx.Client, operation: Operation, user_id: str, task_id: str) -> str:
    """The entity tag of a read, checked to be strong."""
    response = api.get(operation.url(user_id, task_id))
    assert response.status_code == 200, response.text
    tag = response.headers["etag"]
    assert tag.startswith('"'), f"weak: {tag}"
    return str(tag)


def ask(api: httpx.Client, operation: Operation, user_id: str, task_id: str, **headers: str) -> httpx.Response:
    """The answer to the operation with these headers; an underscore stands for a hyphen."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    url = operation.url(user_id, task_id)
    return api.request(operation.method, url, json=operation.fields, headers=operation.headers | given)


def test_every_answer_with_a_task_has_the_tag_that_its_read_has(api: httpx.Client, user_id: str) -> None:
    created = call(api, CREATE, user_id, "")
    task_id = created.json()["id"]

    pairs = [(created.headers["etag"], tag_of(api, GET, user_id, task_id))]
    for operation in (PATCH, COMPLETE, REPLACE):
        changed = call(api, operation, user_id, task_id)
        pairs.append((changed.headers["etag"], tag_of(api, GET, user_id, task_id)))

    assert all(answered == read for answered, read in pairs)
    assert len(set(pairs)) == 4


def test_the_list_has_the_tag_of_the_last_change_and_a_task_of_its_own(api: httpx.Client, user_id: str) -> None:
    first, second = create(api, user_id), create(api, user_id)

    of_first, of_second = (tag_of(api, GET, user_id, one["id"]) for one in (first, second))

    assert tag_of(api, LIST, user_id, "") == of_second != of_first


def test_each_change_gives_the_task_and_the_list_another_tag(api: httpx.Client, user_id: str) -> None:
    task, other = create(api, user_id), create(api, user_id)
    of_other = tag_of(api, GET, user_id, other["id"])
    seen = [(tag_of(api, GET, user_id, task["id"]), tag_of(api, LIST, user_id, ""))]

    for _ in range(2):
        api.patch(COMPLETE.url(user_id, task["id"]))
        seen.append((tag_of(api, GET, user_id, task["id"]), tag_of(api, LIST, user_id, "")))

    assert all(len(set(tags)) == 3 for tags in zip(*seen, strict=True))
    assert tag_of(api, GET, user_id, other["id"]) == of_other


@pytest.mark.parametrize("operation", [REPLACE, PATCH, COMPLETE], ids=str)
def test_a_write_that_changes_nothing_leaves_the_tags(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]
    before = call(api, operation, user_id, task_id).headers["etag"]

    again = call(api, operation, user_id, task_id)

    assert (again.status_code, again.headers["etag"]) == (200, before)
    assert tag_of(api, GET, user_id, task_id) == tag_of(api, LIST, user_id, "") == before


def test_a_deletion_changes_the_list_and_a_second_one_does_not(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tags = [tag_of(api, LIST, user_id, "")]

    for status in (204, 404):
        response = call(api, DELETE, user_id, task_id)
        assert (response.status_code, "etag" in response.headers) == (status, False)
        tags.append(tag_of(api, LIST, user_id, ""))

    assert tags[0] != tags[1] == tags[2]


def test_a_user_without_tasks_has_a_tag(api: httpx.Client, user_id: str) -> None:
    tag = tag_of(api, LIST, user_id, "")

    unchanged = ask(api, LIST, user_id, "", If_None_Match=tag)
    create(api, user_id)
    changed = ask(api, LIST, user_id, "", If_None_Match=tag)

    assert (unchanged.status_code, changed.status_code) == (304, 200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", OF_A_COMPRESSING_PROXY, '"x", {}', "{}, W/" + FOREIGN, ", {} ,"])
@pytest.mark.parametrize("operation", READS, ids=str)
def test_what_the_client_has_is_304_without_a_body(
    api: httpx.Client, user_id: str, operation: Operation, form: str, method: str
) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, operation, user_id, task_id)

    response = api.request(method, operation.url(user_id, task_id), headers={"If-None-Match": form.format(tag)})

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in response.headers


def test_a_page_has_the_tag_of_the_list(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    create(api, user_id)
    page = LIST.url(user_id, "") + "?limit=1&order=title&q=milk"
    tag = api.get(page).headers["etag"]

    unchanged = api.get(page, headers={"If-None-Match": tag})
    create(api, user_id)
    changed = api.get(page, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    assert (changed.status_code, changed.headers["etag"]) == (200, tag_of(api, LIST, user_id, ""))


@pytest.mark.parametrize("operation", READS, ids=str)
def test_what_has_changed_since_is_answered_in_full(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]
    old = tag_of(api, operation, user_id, task_id)
    new = call(api, COMPLETE, user_id, task_id)

    response = ask(api, operation, user_id, task_id, If_None_Match=old)

    assert response.status_code == 200
    assert response.headers["etag"] == new.headers["etag"]
    assert response.json() == ([new.json()] if operation is LIST else new.json())


@pytest.mark.parametrize("value", [FOREIGN, '"1-0", ' + FOREIGN, "", '"0-1"'])
@pytest.mark.parametrize("operation", READS, ids=str)
def test_tags_that_match_nothing_change_no_read(
    api: httpx.Client, user_id: str, operation: Operation, value: str
) -> None:
    task_id = create(api, user_id)["id"]

    response = ask(api, operation, user_id, task_id, If_None_Match=value)

    assert (response.status_code, bool(response.content)) == (200, True)


@pytest.mark.parametrize("operation", READS, ids=str)
def test_any_tag_is_304_where_there_is_something(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]

    response = ask(api, operation, user_id, task_id, If_None_Match="*")

    assert (response.status_code, response.headers["etag"]) == (304, tag_of(api, operation, user_id, task_id))


def test_a_missing_task_is_404_whatever_the_condition(api: httpx.Client, user_id: str) -> None:
    task_id = unknown_id()
    conditions: list[dict[str, str]] = [
        {name: value} for name in ("If_Match", "If_None_Match") for value in ("*", '"1-7"', FOREIGN)
    ]

    answers = [ask(api, one, user_id, task_id, **headers) for one in OF_ONE_TASK for headers in conditions]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("operation", READS, ids=str)
def test_a_read_may_expect_a_tag_too(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, operation, user_id, task_id)

    held = ask(api, operation, user_id, task_id, If_Match=tag)
    failed = ask(api, operation, user_id, task_id, If_Match=FOREIGN, If_None_Match=tag)

    assert held.status_code == 200
    assert_problem(failed, 412)
    assert failed.headers["etag"] == tag


@pytest.mark.parametrize("form", ["{}", OF_A_COMPRESSING_PROXY, FOREIGN + " , {}", "*"])
@pytest.mark.parametrize("operation", CHANGES, ids=str)
def test_a_write_that_expects_the_current_tag_is_done(
    api: httpx.Client, user_id: str, operation: Operation, form: str
) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, GET, user_id, task_id)

    response = ask(api, operation, user_id, task_id, If_Match=form.format(tag))

    assert response.status_code == operation.success


FAILING: dict[str, dict[str, str]] = {
    "an old tag": {"If_Match": "{old}"},
    "an old tag, weakened": {"If_Match": "W/{old}"},
    "another server's": {"If_Match": FOREIGN},
    "another shape": {"If_Match": '"0-7"'},
    "no tag at all": {"If_Match": ""},
    "none but the current": {"If_None_Match": "{now}"},
    "none but the current, weakened": {"If_None_Match": FOREIGN + ", W/{now}"},
    "none": {"If_None_Match": "*"},
    "both": {"If_Match": "{now}", "If_None_Match": "{now}"},
    "the current and none": {"If_Match": "*", "If_None_Match": "*"},
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("operation", CHANGES, ids=str)
def test_a_write_whose_condition_fails_is_412_with_the_current_tag_and_does_nothing(
    api: httpx.Client, user_id: str, operation: Operation, name: str
) -> None:
    task_id = create(api, user_id)["id"]
    old = tag_of(api, GET, user_id, task_id)
    task = api.patch(COMPLETE.url(user_id, task_id), json={"is_completed": True}).json()
    now = tag_of(api, GET, user_id, task_id)
    headers = {header: value.format(old=old, now=now) for header, value in FAILING[name].items()}

    response = ask(api, operation, user_id, task_id, **headers)

    assert now in assert_problem(response, 412)["detail"]
    assert response.headers["etag"] == now
    assert fetch(api, user_id, task_id) == task


@pytest.mark.parametrize("operation", [GET, LIST, *CHANGES, CREATE], ids=str)
@pytest.mark.parametrize("value", ["1-7", '"1-7', "*, *", '*, "1-7"', 'w/"1-7"', '"a b"'])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_what_is_no_list_of_tags_is_400_and_named(
    api: httpx.Client, user_id: str, operation: Operation, header: str, value: str
) -> None:
    task = create(api, user_id)

    response = ask(api, operation, user_id, task["id"], **{header: value})

    assert header in assert_problem(response, 400)["detail"]
    assert list_all(api, user_id) == [task]


def test_several_lines_of_a_header_are_one_list(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, GET, user_id, task_id)
    lines: list[tuple[str, str]] = [("If-None-Match", FOREIGN), ("If-None-Match", tag)]

    response = api.get(GET.url(user_id, task_id), headers=lines)

    assert response.status_code == 304


@pytest.mark.parametrize("header", ["If-Unmodified-Since", "If-Modified-Since"])
@pytest.mark.parametrize("operation", [LIST, GET, REPLACE, PATCH, COMPLETE], ids=str)
def test_dates_mean_nothing_as_tasks_have_none(
    api: httpx.Client, user_id: str, operation: Operation, header: str
) -> None:
    task_id = create(api, user_id)["id"]

    response = ask(api, operation, user_id, task_id, **{header: DATE})

    assert (response.status_code, "last-modified" in response.headers) == (200, False)


def test_a_creation_may_expect_the_tag_of_the_list(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    tag = tag_of(api, LIST, user_id, "")

    first = ask(api, CREATE, user_id, "", If_Match=tag)
    second = ask(api, CREATE, user_id, "", If_Match=tag)

    assert first.status_code == 201
    assert_problem(second, 412)
    assert second.headers["etag"] == first.headers["etag"] == tag_of(api, LIST, user_id, "")
    assert len(list_all(api, user_id)) == 2


@pytest.mark.parametrize("headers", [{"If_None_Match": "*"}, {"If_Match": FOREIGN}])
def test_a_creation_under_a_condition_that_never_holds_creates_nothing(
    api: httpx.Client, user_id: str, headers: dict[str, str]
) -> None:
    response = ask(api, CREATE, user_id, "", **headers)

    assert_problem(response, 412)
    assert list_all(api, user_id) == []


def test_of_clients_that_saw_the_same_task_one_writes(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, GET, user_id, task_id)
    statuses: list[int] = []

    def write(number: int) -> None:
        body = {"title": f"writer {number}"}
        response = api.put(REPLACE.url(user_id, task_id), json=body, headers={"If-Match": tag})
        statuses.append(response.status_code)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, *[412] * 7]


def keyed(key: str, **headers: str) -> dict[str, Any]:
    """Headers of a write with a key."""
    return {"Idempotency_Key": key, **headers}


def test_a_replay_has_the_tag_that_was_recorded_whatever_the_task_has_now(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tag, key = tag_of(api, GET, user_id, task_id), unknown_id()
    first = ask(api, REPLACE, user_id, task_id, **keyed(key, If_Match=tag))
    call(api, COMPLETE, user_id, task_id)

    again = ask(api, REPLACE, user_id, task_id, **keyed(key, If_Match=tag))

    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.headers["etag"] == first.headers["etag"] != tag_of(api, GET, user_id, task_id)


def test_a_412_is_recorded_with_its_tag(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tag, key = tag_of(api, GET, user_id, task_id), unknown_id()
    first = ask(api, REPLACE, user_id, task_id, **keyed(key, If_Match=FOREIGN))
    call(api, COMPLETE, user_id, task_id)

    again = ask(api, REPLACE, user_id, task_id, **keyed(key, If_Match=FOREIGN))
    another = ask(api, REPLACE, user_id, task_id, **keyed(key))

    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (412, 412, "true")
    assert again.headers["etag"] == first.headers["etag"] == tag
    assert_problem(another, 422)


def test_a_change_says_which_task_its_answer_shows(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    answers = [call(api, operation, user_id, task_id) for operation in (REPLACE, PATCH, COMPLETE)]

    assert {answer.headers["content-location"] for answer in answers} == {GET.url(user_id, task_id)}


def test_another_users_task_is_404_whatever_its_tag(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    task_id = create(api, user_id)["id"]
    tag = tag_of(api, GET, user_id, task_id)

    answers = [ask(api, one, stranger_id, task_id, If_Match=tag) for one in OF_ONE_TASK]

    assert {answer.status_code for answer in answers} == {404}
