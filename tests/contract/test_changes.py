"""GET /api/{user_id}/changes answers what has changed since a revision: all of it, or 410."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from .expectations import assert_problem
from .tasks import CHANGES, COMPLETE, CREATE, DELETE, LIST, REPLACE, call, create, list_all

MAX_CHANGES = 500
GONE = "urn:taskwire:problem:changes-gone"


def changes(api: httpx.Client, user_id: str, since: int | None = None) -> dict[str, Any]:
    """What is answered, which has to be 200."""
    response = ask(api, user_id, since)
    assert response.status_code == 200, response.text
    answered: dict[str, Any] = response.json()
    assert set(answered) == {"revision", "changed", "deleted"}
    return answered


def ask(
    api: httpx.Client, user_id: str, since: int | str | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    parameters = {} if since is None else {"since": str(since)}
    return api.get(CHANGES.url(user_id, ""), params=parameters, headers=headers)


def test_without_since_all_tasks_come_with_the_revision_of_the_list(api: httpx.Client, user_id: str) -> None:
    for title in ("first", "second"):
        create(api, user_id, title=title)

    answered = changes(api, user_id)

    tag = api.get(LIST.url(user_id, "")).headers["etag"]
    assert (answered["changed"], answered["deleted"]) == (list_all(api, user_id), [])
    assert tag.endswith(f'-{answered["revision"]}"')


def test_a_user_without_tasks_is_at_revision_0(api: httpx.Client, user_id: str) -> None:
    nothing = {"revision": 0, "changed": [], "deleted": []}

    assert (changes(api, user_id), changes(api, user_id, 0)) == (nothing, nothing)


def test_from_0_everything_comes_that_a_new_user_has_done(api: httpx.Client, user_id: str) -> None:
    tasks = [create(api, user_id, title=title) for title in ("first", "second")]

    answered = changes(api, user_id, 0)

    assert (answered["changed"], answered["deleted"]) == (tasks[::-1], [])


def test_what_has_changed_comes_once_as_it_is_now(api: httpx.Client, user_id: str) -> None:
    replaced, completed, gone, same = (create(api, user_id, title=title) for title in "abcd")
    since = changes(api, user_id)["revision"]
    new = create(api, user_id)
    for operation, task in ((REPLACE, replaced), (COMPLETE, completed), (COMPLETE, replaced), (DELETE, gone)):
        assert call(api, operation, user_id, task["id"]).is_success

    answered = changes(api, user_id, since)

    listed = list_all(api, user_id)
    assert answered["changed"] == [task for task in listed if task["id"] != same["id"]]
    assert {task["id"] for task in answered["changed"]} == {new["id"], replaced["id"], completed["id"]}
    assert answered["deleted"] == [gone["id"]]
    assert answered["revision"] == changes(api, user_id)["revision"] > since


def test_nothing_has_changed_since_the_latest_revision(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    since = changes(api, user_id)["revision"]

    assert changes(api, user_id, since) == {"revision": since, "changed": [], "deleted": []}


def test_what_changes_nothing_is_no_change(api: httpx.Client, user_id: str) -> None:
    done = create(api, user_id, title="buy bread", is_completed=False)
    call(api, COMPLETE, user_id, done["id"])
    since = changes(api, user_id)["revision"]
    call(api, COMPLETE, user_id, done["id"])
    call(api, DELETE, user_id, str(uuid4()))
    api.post(CREATE.url(user_id, ""), json={"title": ""})

    assert changes(api, user_id, since) == {"revision": since, "changed": [], "deleted": []}


def test_a_client_that_puts_the_changes_into_its_copy_has_the_list(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    answered = changes(api, user_id)
    copy = {task["id"]: task for task in answered["changed"]}
    for number in range(8):
        task = create(api, user_id, title=f"task {number}")
        call(api, (REPLACE, COMPLETE, DELETE)[number % 3], user_id, task["id"])

        answered = changes(api, user_id, answered["revision"])
        copy |= {task["id"]: task for task in answered["changed"]}
        copy = {task_id: task for task_id, task in copy.items() if task_id not in answered["deleted"]}

        assert copy == {task["id"]: task for task in list_all(api, user_id)}


def test_each_answer_to_a_write_names_a_revision_to_go_on_from(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id, ""), json={"title": "a"})
    since = int(response.headers["etag"].strip('"').partition("-")[2])
    other = create(api, user_id)

    assert changes(api, user_id, since)["changed"] == [other]


@pytest.mark.parametrize("since", [1, 2**53, 2**63 - 1])
def test_a_revision_that_the_user_never_had_is_410_and_says_what_to_do(
    api: httpx.Client, user_id: str, since: int
) -> None:
    create(api, user_id)

    problem = assert_problem(ask(api, user_id, since), 410)

    assert problem["type"] == GONE
    assert "without since" in problem["detail"]


def test_a_revision_of_another_user_is_410(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    for user in (user_id, stranger_id):
        create(api, user)
    theirs = changes(api, stranger_id)["revision"]

    assert_problem(ask(api, user_id, theirs), 410)


def test_another_users_changes_are_not_shown(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    create(api, stranger_id)
    mine = create(api, user_id)

    assert changes(api, user_id, 0)["changed"] == [mine]


def test_more_than_500_changes_are_410(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    since = changes(api, user_id)["revision"]
    for _ in range(MAX_CHANGES):
        assert api.patch(COMPLETE.url(user_id, task["id"])).is_success
    told = changes(api, user_id, since)
    api.patch(COMPLETE.url(user_id, task["id"]))

    problem = assert_problem(ask(api, user_id, since), 410)

    assert len(told["changed"]) == 1
    assert str(MAX_CHANGES) in problem["detail"]


@pytest.mark.parametrize(
    "since",
    ["", " ", "-1", "+1", "1.0", "1e3", "0x1", "01", "1_000", "ten", "\u0661", '"1-5"', "null", f"{2**63}", "9" * 400],
)
def test_a_since_that_is_no_revision_is_400_and_named(api: httpx.Client, user_id: str, since: str) -> None:
    problem = assert_problem(ask(api, user_id, since), 400)

    assert (problem["type"], '"since"' in problem["detail"]) == ("urn:taskwire:problem:invalid-parameter", True)


@pytest.mark.parametrize("query", ["since=0&since=0", "since=0&since=1", "since", "since=%ff", "since=0%00"])
def test_a_since_that_is_repeated_or_broken_is_400(api: httpx.Client, user_id: str, query: str) -> None:
    assert_problem(api.get(f"{CHANGES.url(user_id, '')}?{query}"), 400)


def test_another_parameter_is_400_and_named(api: httpx.Client, user_id: str) -> None:
    problem = assert_problem(api.get(CHANGES.url(user_id, "") + "?limit=1"), 400)

    assert '"limit"' in problem["detail"]
    assert "since" in problem["detail"]


def test_a_parameter_of_the_clients_own_is_ignored(api: httpx.Client, user_id: str) -> None:
    assert api.get(CHANGES.url(user_id, "") + "?_=1&since=0").status_code == 200


def test_a_user_that_is_no_uuid_is_400(api: httpx.Client) -> None:
    assert_problem(ask(api, "me"), 400)


@pytest.mark.parametrize("since", [None, 0, "latest"])
def test_an_answer_that_the_client_has_is_304(api: httpx.Client, user_id: str, since: int | str | None) -> None:
    create(api, user_id)
    since = changes(api, user_id)["revision"] if since == "latest" else since
    tag = ask(api, user_id, since).headers["etag"]

    known = ask(api, user_id, since, {"If-None-Match": tag})
    weak = ask(api, user_id, since, {"If-None-Match": f'"x", W/{tag}'})

    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert (weak.status_code, weak.content) == (304, b"")


@pytest.mark.parametrize("since", [None, 0])
def test_after_a_change_it_is_answered_in_full(api: httpx.Client, user_id: str, since: int | None) -> None:
    create(api, user_id)
    tag = ask(api, user_id, since).headers["etag"]
    create(api, user_id)

    response = ask(api, user_id, since, {"If-None-Match": tag})

    assert (response.status_code, len(response.json()["changed"])) == (200, 2)
    assert response.headers["etag"] != tag


def test_410_comes_before_304(api: httpx.Client, user_id: str) -> None:
    """RFC 9110, section 13.2.1: a condition is ignored where the answer without it is no success."""
    create(api, user_id)
    tag = ask(api, user_id).headers["etag"]

    assert_problem(ask(api, user_id, 1, {"If-None-Match": tag}), 410)


def test_head_has_the_headers_of_get(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)

    got, head = ask(api, user_id, 0), api.head(CHANGES.url(user_id, "") + "?since=0")

    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
