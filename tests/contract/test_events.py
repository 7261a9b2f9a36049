"""GET /api/{user_id}/events tells what changes, as it happens."""

import time
from uuid import uuid4

import httpx
import pytest

from .event_streams import EVENTS_PATH, listening
from .expectations import assert_problem
from .tasks import CHANGES, COMPLETE, CREATE, DELETE, call, create, list_all

AT_ONCE_S = 2.0  # without a hint it would take EVENT_CHECK_S, which is 10
MAX_CHANGES = 500


def events_url(user_id: str, query: str = "") -> str:
    return EVENTS_PATH.format(user_id=user_id) + query


def changes(api: httpx.Client, user_id: str, since: int | None = None) -> httpx.Response:
    response = api.get(CHANGES.url(user_id, ""), params={} if since is None else {"since": str(since)})
    assert response.status_code == 200, response.text
    return response


def revision(api: httpx.Client, user_id: str) -> int:
    return int(changes(api, user_id).json()["revision"])


def test_a_stream_begins_with_all_tasks_as_changes_tells_them(api: httpx.Client, user_id: str) -> None:
    for title in ("first", "second\nline", "\u2028 third"):
        create(api, user_id, title=title)

    with listening(api, user_id) as events:
        event = events.next()

    told = changes(api, user_id)
    assert (event.name, event.data, event.id) == ("changes", told.text, str(told.json()["revision"]))
    assert 1000 <= events.retries[0] <= 5000


def test_the_stream_of_a_user_without_tasks_begins_at_0(api: httpx.Client, user_id: str) -> None:
    with listening(api, user_id) as events:
        event = events.next()

    assert (event.name, event.id, event.json()) == ("changes", "0", {"revision": 0, "changed": [], "deleted": []})


def test_each_change_is_an_event_with_what_changes_answers(api: httpx.Client, user_id: str) -> None:
    with listening(api, user_id) as events:
        since = events.next().json()["revision"]
        for operation in (None, COMPLETE, DELETE):
            if operation is None:
                task = create(api, user_id)
            else:
                call(api, operation, user_id, task["id"])
            event = events.next()

            assert (event.name, event.data) == ("changes", changes(api, user_id, since).text)
            assert int(event.id) == event.json()["revision"] > since
            since = int(event.id)


def test_two_clients_see_each_others_changes_at_once(api: httpx.Client, user_id: str) -> None:
    with listening(api, user_id) as one, listening(api, user_id) as other:
        for events in (one, other):
            events.next()
        late = []
        for _ in range(5):
            began = time.monotonic()
            task = create(api, user_id)
            told = [events.next().json()["changed"] for events in (one, other)]
            late.append(time.monotonic() - began)
            assert told == [[task], [task]]

    assert sorted(late)[len(late) // 2] < AT_ONCE_S, late


def test_what_changes_nothing_is_no_event(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    call(api, COMPLETE, user_id, task["id"])
    with listening(api, user_id) as events:
        events.next()
        call(api, COMPLETE, user_id, task["id"])
        call(api, DELETE, user_id, str(uuid4()))
        other = create(api, user_id)

        assert events.next().json()["changed"] == [other]


def test_another_users_changes_are_no_event(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    with listening(api, user_id) as events:
        events.next()
        create(api, stranger_id)
        mine = create(api, user_id)

        assert events.next().json()["changed"] == [mine]


@pytest.mark.parametrize("by_header", [False, True], ids=["since", "Last-Event-ID"])
def test_a_stream_goes_on_where_the_client_was(api: httpx.Client, user_id: str, by_header: bool) -> None:
    gone = create(api, user_id)
    since = revision(api, user_id)
    call(api, DELETE, user_id, gone["id"])
    new = create(api, user_id)

    resumed = (None, {"Last-Event-ID": str(since)}) if by_header else (since, {})
    with listening(api, user_id, *resumed) as events:
        event = events.next()

    assert event.data == changes(api, user_id, since).text
    assert event.json()["changed"] == [new]
    assert event.json()["deleted"] == [gone["id"]]


def test_the_header_wins_since_a_browser_sends_it_with_the_same_address(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    since = revision(api, user_id)
    second = create(api, user_id)

    with listening(api, user_id, 0, {"Last-Event-ID": str(since)}) as events:
        assert events.next().json()["changed"] == [second]


def test_a_client_that_is_up_to_date_is_told_the_next_change_alone(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    since = revision(api, user_id)

    with listening(api, user_id, since) as events:
        new = create(api, user_id)
        assert events.next().json()["changed"] == [new]


@pytest.mark.parametrize("since", [1, 2**53, 2**63 - 1])
def test_where_changes_would_be_410_a_reset_comes_and_the_stream_goes_on(
    api: httpx.Client, user_id: str, since: int
) -> None:
    create(api, user_id)
    assert_problem(api.get(CHANGES.url(user_id, "") + f"?since={since}"), 410)

    with listening(api, user_id, since) as events:
        reset = events.next()
        new = create(api, user_id)
        following = events.next()

    assert (reset.name, reset.id) == ("reset", ""), "a client that is cut off now comes again with what it had"
    assert (following.name, following.json()["changed"]) == ("changes", [new])
    assert reset.json()["revision"] < following.json()["revision"]


def test_a_client_that_missed_too_much_is_told_to_begin_anew(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    since = revision(api, user_id)
    operations = [{"op": "complete", "id": task["id"]}] * (MAX_CHANGES + 1)
    assert api.post(f"/api/{user_id}/batch", json={"operations": operations}).status_code == 200

    with listening(api, user_id, since) as events:
        assert events.next().name == "reset"


def test_a_client_that_puts_the_events_into_its_copy_has_the_list(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)
    with listening(api, user_id) as events:
        copy = {task["id"]: task for task in events.next().json()["changed"]}
        for number in range(9):
            task = create(api, user_id, title=f"task {number}")
            call(api, (COMPLETE, DELETE, COMPLETE)[number % 3], user_id, task["id"])
        latest = revision(api, user_id)
        reached = 0
        while reached < latest:
            told = events.next().json()
            copy |= {task["id"]: task for task in told["changed"]}
            copy = {task_id: task for task_id, task in copy.items() if task_id not in told["deleted"]}
            reached = told["revision"]

    assert copy == {task["id"]: task for task in list_all(api, user_id)}


BAD_REVISIONS = ["", "-1", "+1", "1.0", "1e3", "0x1", "01", "1_000", "ten", '"1-5"', "null", f"{2**63}", "9" * 400]


@pytest.mark.parametrize("since", BAD_REVISIONS)
def test_a_since_that_is_no_revision_is_400_and_named(api: httpx.Client, user_id: str, since: str) -> None:
    problem = assert_problem(api.get(events_url(user_id), params={"since": since}), 400)

    assert (problem["type"], '"since"' in problem["detail"]) == ("urn:taskwire:problem:invalid-parameter", True)


@pytest.mark.parametrize("event_id", BAD_REVISIONS)
def test_a_last_event_id_that_is_no_revision_is_400_and_named(api: httpx.Client, user_id: str, event_id: str) -> None:
    problem = assert_problem(api.get(events_url(user_id), headers={"Last-Event-ID": event_id}), 400)

    assert problem["type"] == "urn:taskwire:problem:invalid-last-event-id"
    assert "Last-Event-ID" in problem["detail"]


def test_a_last_event_id_that_is_sent_twice_is_400(api: httpx.Client, user_id: str) -> None:
    headers = [("Last-Event-ID", "0"), ("Last-Event-ID", "0")]

    assert_problem(api.get(events_url(user_id), headers=headers), 400)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_a_stream_has_no_entity_tag_to_compare(api: httpx.Client, user_id: str, name: str) -> None:
    problem = assert_problem(api.get(events_url(user_id), headers={name: '"1-7"'}), 400)

    assert problem["type"] == "urn:taskwire:problem:invalid-precondition"


@pytest.mark.parametrize("query", ["?since=0&since=0", "?since", "?since=%ff", "?limit=1"])
def test_another_query_is_400(api: httpx.Client, user_id: str, query: str) -> None:
    assert_problem(api.get(events_url(user_id, query)), 400)


def test_a_parameter_of_the_clients_own_is_ignored(api: httpx.Client, user_id: str) -> None:
    with api.stream("GET", events_url(user_id, "?_=17")) as response:
        assert response.status_code == 200


def test_a_user_that_is_no_uuid_is_400(api: httpx.Client) -> None:
    assert_problem(api.get(events_url("me")), 400)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_stream_is_only_read(api: httpx.Client, user_id: str, method: str) -> None:
    response = api.request(method, events_url(user_id))

    assert_problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_has_the_headers_of_get_and_opens_nothing(api: httpx.Client, user_id: str) -> None:
    head = api.head(events_url(user_id))

    with listening(api, user_id) as events:
        got = events.response.headers
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "cache-control", "x-accel-buffering"):
        assert head.headers[name] == got[name]
    assert_problem(api.get(events_url(user_id, "?since=x")), 400)


def test_no_proxy_keeps_or_holds_back_a_stream(api: httpx.Client, user_id: str) -> None:
    with listening(api, user_id) as events:
        headers = events.response.headers

    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert "etag" not in headers
    assert "x-request-id" in headers
    assert CREATE.path  # the same prefix as all operations


def test_an_accept_header_is_ignored_as_everywhere(api: httpx.Client, user_id: str) -> None:
    with listening(api, user_id, headers={"Accept": "application/json"}) as events:
        assert events.next().name == "changes"
