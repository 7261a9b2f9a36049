"""Min-Revision on reads: every write names the revision that a read after it may name."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import (
    BATCH,
    CHANGES,
    COMPLETE,
    CREATE,
    DELETE,
    GET,
    LIST,
    PATCH,
    REPLACE,
    Operation,
    call,
    create,
    list_all,
)

READS = (GET, LIST, CHANGES)


@pytest.mark.parametrize("write", [CREATE, REPLACE, PATCH, COMPLETE], ids=str)
@pytest.mark.parametrize("read", READS, ids=str)
def test_a_read_that_names_the_tag_of_a_write_sees_it(
    api: httpx.Client, user_id: str, write: Operation, read: Operation
) -> None:
    task = create(api, user_id)
    answer = call(api, write, user_id, task["id"])

    seen = api.get(read.url(user_id, task["id"]), headers={"Min-Revision": answer.headers["etag"]})

    assert seen.status_code == 200
    assert answer.json()["title"] in seen.text


def test_a_deletion_names_the_revision_of_the_list_after_it(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    revision = call(api, DELETE, user_id, task["id"]).headers["revision"]

    named = {"Min-Revision": revision}
    assert api.get(LIST.url(user_id, ""), headers=named).headers["etag"] == f'"1-{revision}"'
    assert api.get(GET.url(user_id, task["id"]), headers=named).status_code == 404


def test_a_batch_names_the_revision_of_the_list_after_it(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    operations = [
        {"op": "create", "title": "second"},
        {"op": "delete", "id": task["id"]},
        {"op": "delete", "id": task["id"]},
    ]

    revision = api.post(BATCH.url(user_id, ""), json={"operations": operations}).headers["revision"]

    assert api.get(LIST.url(user_id, "")).headers["etag"] == f'"1-{revision}"'


def test_a_replayed_deletion_names_the_revision_that_was_recorded(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    url, key = DELETE.url(user_id, task["id"]), {"Idempotency-Key": f"delete-{task['id']}"}

    first = api.delete(url, headers=key)
    create(api, user_id)
    again = api.delete(url, headers=key)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["revision"] == first.headers["revision"]


@pytest.mark.parametrize("read", READS, ids=str)
def test_a_read_may_name_the_tag_of_any_earlier_answer(api: httpx.Client, user_id: str, read: Operation) -> None:
    task = create(api, user_id)
    tags = [api.get(one.url(user_id, task["id"])).headers["etag"] for one in READS]

    statuses = {api.get(read.url(user_id, task["id"]), headers={"Min-Revision": tag}).status_code for tag in tags}

    assert statuses == {200}


@pytest.mark.parametrize("read", READS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_condition_is_compared_as_without_it(api: httpx.Client, user_id: str, method: str, read: Operation) -> None:
    task = create(api, user_id)
    url = read.url(user_id, task["id"])
    tag = api.get(url).headers["etag"]

    answer = api.request(method, url, headers={"Min-Revision": tag, "If-None-Match": tag})

    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")


@pytest.mark.parametrize("read", READS, ids=str)
@pytest.mark.parametrize("named", ["1-7", '"7', "-1", "*", "seven", "7, 8", "", str(2**63)])
def test_what_is_no_revision_is_400_and_says_what_is(
    api: httpx.Client, user_id: str, named: str, read: Operation
) -> None:
    task = create(api, user_id)

    problem = assert_problem(api.get(read.url(user_id, task["id"]), headers={"Min-Revision": named}), 400)

    assert problem["type"] == "urn:taskwire:problem:invalid-min-revision"
    assert "Min-Revision must be" in problem["detail"]
    assert "whole number" in problem["detail"]


def test_it_may_be_sent_only_once(api: httpx.Client, user_id: str) -> None:
    answer = api.get(LIST.url(user_id, ""), headers=[("Min-Revision", "0"), ("Min-Revision", "0")])

    assert assert_problem(answer, 400)["detail"] == "Send Min-Revision once."


@pytest.mark.parametrize("read", READS, ids=str)
def test_a_revision_that_the_user_never_had_is_412_without_a_task(
    api: httpx.Client, user_id: str, read: Operation
) -> None:
    task = create(api, user_id)

    problem = assert_problem(api.get(read.url(user_id, task["id"]), headers={"Min-Revision": str(2**62)}), 412)

    assert problem["type"] == "urn:taskwire:problem:revision-unreached"


def test_a_page_names_it_as_a_list_does(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    tag = api.get(LIST.url(user_id, "")).headers["etag"]
    url = f"{LIST.url(user_id, '')}?limit=1"

    statuses = [api.get(url, headers={"Min-Revision": one}).status_code for one in (tag, str(2**62))]

    assert statuses == [200, 412]


def test_a_write_is_of_the_newest_whatever_it_names(api: httpx.Client, user_id: str) -> None:
    answer = api.post(CREATE.url(user_id, ""), json=CREATE.fields, headers={"Min-Revision": str(2**62)})

    assert answer.status_code == 201
    assert list_all(api, user_id) == [answer.json()]
