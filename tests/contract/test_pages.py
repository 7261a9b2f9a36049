"""GET /api/{user_id}/tasks with parameters answers the tasks that match, in order, page by page."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from .expectations import assert_problem
from .pages import all_pages, next_url, page, pages
from .tasks import DELETE, LIST, Task, call, create, list_all

type Order = tuple[Callable[[Task], Any], bool]

ORDERS: dict[str, Order] = {
    "created_at": (lambda task: (task["created_at"], task["id"]), False),
    "-created_at": (lambda task: (task["created_at"], task["id"]), True),
    "title": (lambda task: (task["title"], task["id"]), False),
    "-title": (lambda task: (task["title"], task["id"]), True),
}
TITLES = ["b", "B", "a", "ä", "Z", "b", "z", "\U0001f95b milk", "￿", " b", "10", "9", "b"]


@pytest.fixture
def many(api: httpx.Client, user_id: str) -> list[Task]:
    """Tasks in order of creation, some of one title, every third completed."""
    return [create(api, user_id, title=title, is_completed=n % 3 == 0) for n, title in enumerate(TITLES)]


def titles(tasks: list[Task]) -> list[str]:
    return [task["title"] for task in tasks]


@pytest.mark.parametrize("limit", [1, 2, 5, 13, 1000])
@pytest.mark.parametrize("order", ORDERS)
def test_pages_have_all_tasks_in_order_and_none_twice(
    api: httpx.Client, user_id: str, many: list[Task], order: str, limit: int
) -> None:
    key, reverse = ORDERS[order]

    found = list(pages(api, user_id, order=order, limit=limit))

    assert [task for one in found for task in one] == sorted(many, key=key, reverse=reverse)
    assert {len(one) for one in found[:-1]} <= {limit}
    assert 1 <= len(found[-1]) <= limit


def test_a_page_is_newest_first_unless_an_order_is_given(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    response = page(api, user_id, {"limit": 3})

    assert response.json() == many[::-1][:3]


@pytest.mark.parametrize("limit", [len(TITLES), len(TITLES) + 1])
def test_the_last_page_has_no_link(api: httpx.Client, user_id: str, many: list[Task], limit: int) -> None:
    response = page(api, user_id, {"limit": limit})

    assert (len(response.json()), next_url(response)) == (len(many), None)


def test_without_parameters_all_tasks_come_without_a_link(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    response = page(api, user_id, {})

    assert (response.json(), next_url(response)) == (many[::-1], None)


def test_a_user_without_tasks_has_one_empty_page(api: httpx.Client, user_id: str) -> None:
    response = page(api, user_id, {"limit": 10})

    assert (response.json(), next_url(response)) == ([], None)


def test_head_has_the_link_of_get(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    url = LIST.url(user_id, "") + "?limit=2"

    got, head = api.get(url), api.head(url)

    assert len(many) > 2
    assert (head.content, head.headers["link"]) == (b"", got.headers["link"])


def test_the_link_keeps_all_other_parameters(api: httpx.Client, user_id: str) -> None:
    for number in range(3):
        create(api, user_id, title=f"milk & <ähm> {number}")
    given = {"q": "& <ÄHM> ", "order": "title", "is_completed": "false", "limit": "1", "_mine": "a b"}

    url = next_url(page(api, user_id, given))

    assert url is not None
    parts = urlsplit(url)
    kept = {name: values[0] for name, values in parse_qs(parts.query).items() if name != "cursor"}
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", LIST.url(user_id, ""))
    assert kept == given
    assert titles(api.get(url).json()) == ["milk & <ähm> 1"]


def test_the_limit_may_change_from_page_to_page(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    url = next_url(page(api, user_id, {"limit": 2}))

    rest = api.get((url or "").replace("limit=2", "limit=1000"))

    assert (rest.json(), next_url(rest)) == (many[::-1][2:], None)


@pytest.mark.parametrize("done", [True, False])
def test_completion_is_filtered_before_pages_are_cut(
    api: httpx.Client, user_id: str, many: list[Task], done: bool
) -> None:
    found = list(pages(api, user_id, is_completed=str(done).lower(), limit=2))

    wanted = [task for task in many[::-1] if task["is_completed"] is done]
    assert [task for one in found for task in one] == wanted
    assert {len(one) for one in found[:-1]} == {2}


@pytest.mark.parametrize("order", ORDERS)
def test_times_are_exclusive(api: httpx.Client, user_id: str, many: list[Task], order: str) -> None:
    first, last = many[3], many[9]

    found = all_pages(
        api, user_id, created_after=first["created_at"], created_before=last["created_at"], order=order, limit=2
    )

    key, reverse = ORDERS[order]
    inside = [task for task in many if first["created_at"] < task["created_at"] < last["created_at"]]
    assert found == sorted(inside, key=key, reverse=reverse)
    assert len(found) >= 5


@pytest.mark.parametrize("name", ["created_after", "created_before"])
def test_a_moment_may_be_spelled_in_any_offset_and_precision(
    api: httpx.Client, user_id: str, many: list[Task], name: str
) -> None:
    moment = datetime.fromisoformat(many[5]["created_at"])
    east = moment + timedelta(hours=5, minutes=30)
    spellings = [
        moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        moment.strftime("%Y-%m-%dt%H:%M:%S.%fz"),
        moment.strftime("%Y-%m-%dT%H:%M:%S.%f000-00:00"),
        east.strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"),
    ]

    found = [titles(page(api, user_id, {name: spelling}).json()) for spelling in spellings]

    assert found[0]
    assert found == [found[0]] * len(spellings)


@pytest.mark.parametrize("offset", ["Z", "%2B23:59", "-23:59", "%2B16:00"])
@pytest.mark.parametrize("year", ["0001", "2000", "9999"])
def test_every_time_of_rfc_3339_is_understood(api: httpx.Client, user_id: str, year: str, offset: str) -> None:
    task = create(api, user_id)
    moments = [f"{year}-01-01T00:00:00{offset}", f"{year}-12-31T23:59:59.999999999{offset}"]

    after = [api.get(f"{LIST.url(user_id, '')}?created_after={moment}").json() for moment in moments]
    before = [api.get(f"{LIST.url(user_id, '')}?created_before={moment}").json() for moment in moments]

    past, future = ([task], []) if year < "2026" else ([], [task])
    assert (after, before) == ([past] * 2, [future] * 2)


def test_digits_beyond_microseconds_count(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    just_after = task["created_at"].replace("+00:00", "0000001Z")

    before = page(api, user_id, {"created_before": just_after}).json()
    after = page(api, user_id, {"created_after": just_after}).json()

    assert (before, after) == ([task], [])


def test_a_plus_that_is_not_encoded_is_still_the_sign_of_an_offset(
    api: httpx.Client, user_id: str, many: list[Task]
) -> None:
    response = api.get(LIST.url(user_id, "") + f"?created_after={many[0]['created_at']}")

    assert response.json() == many[:0:-1]


SEARCHED = [
    "Käse",
    "KÄSE kaufen",
    "ΟΔΟΣ",
    "οδος",
    "100%",
    "100 x",
    "a_b",
    "axb",
    "back\\slash",
    'it\'s "so"',
    "\u017f",
    "ab\u200dc",
]


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("käs", ["Käse", "KÄSE kaufen"]),
        ("KÄSE", ["Käse", "KÄSE kaufen"]),
        ("ka\u0308se", []),  # another spelling of ä in Unicode is another text
        ("οδός"[:2], ["ΟΔΟΣ", "οδος"]),
        ("ΔΟΣ", ["ΟΔΟΣ", "οδος"]),
        ("δος", ["ΟΔΟΣ", "οδος"]),
        ("%", ["100%"]),
        ("0%", ["100%"]),
        ("a_b", ["a_b"]),
        ("\\", ["back\\slash"]),
        ("'s \"", ['it\'s "so"']),
        ("\u200d", ["ab\u200dc"]),
        ("abc", []),
        ("x" * 255, []),
    ],
)
def test_a_search_finds_a_text_in_any_case_and_takes_every_character_as_it_is(
    api: httpx.Client, user_id: str, q: str, wanted: list[str]
) -> None:
    for title in SEARCHED:
        create(api, user_id, title=title)

    found = all_pages(api, user_id, q=q, order="created_at", limit=1)

    assert titles(found) == wanted


def test_a_search_looks_into_descriptions(api: httpx.Client, user_id: str) -> None:
    found = create(api, user_id, title="bread", description="and some Milk")
    create(api, user_id, title="bread", description=None)
    create(api, user_id, title="bread", description="and some mil k")

    assert all_pages(api, user_id, q="milk") == [found]


def test_all_filters_have_to_hold(api: httpx.Client, user_id: str) -> None:
    old = create(api, user_id, title="milk", is_completed=True)
    create(api, user_id, title="milk")
    create(api, user_id, title="bread", is_completed=True)
    new = create(api, user_id, title="more milk", is_completed=True)

    both = all_pages(api, user_id, q="milk", is_completed="true", order="title", limit=1)
    later = all_pages(api, user_id, q="milk", is_completed="true", created_after=old["created_at"])

    assert (both, later) == ([old, new], [new])


def test_a_page_has_the_users_own_tasks_alone(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    mine, _ = create(api, user_id), create(api, stranger_id)

    for order in ORDERS:
        assert all_pages(api, user_id, order=order) == [mine]


@pytest.mark.parametrize("order", ORDERS)
def test_tasks_that_come_and_go_move_no_other(api: httpx.Client, user_id: str, many: list[Task], order: str) -> None:
    """The last task of a page is deleted, and others of the same title are created, before the next page."""
    key, reverse = ORDERS[order]
    stay = sorted(many, key=key, reverse=reverse)
    first = page(api, user_id, {"order": order, "limit": 4})
    call(api, DELETE, user_id, stay[3]["id"])
    new = {create(api, user_id, title=task["title"])["id"] for task in stay}

    rest, url = [], next_url(first)
    while url:
        response = api.get(url)
        rest += response.json()
        url = next_url(response)

    assert [task for task in rest if task["id"] not in new] == stay[4:]
    assert len({task["id"] for task in rest}) == len(rest)


BAD = [
    *[("limit", bad) for bad in ("0", "1001", "-1", "+1", "01", "1.0", "1e2", " 1", "", "ten", "٣", "9" * 5000)],
    *[("order", bad) for bad in ("", "id", "+title", "Title", "title,id", "-", "description")],
    *[("is_completed", bad) for bad in ("", "1", "0", "yes", "True", "TRUE", "null", "true ")],
    *[
        (name, bad)
        for name in ("created_after", "created_before")
        for bad in (
            "", "today", "2026", "2026-11-23", "2026-11-23T01:43:50", "2026-11-23T01:43Z", "1764100000", "infinity",
            "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T01:43:50+24:00", "2026-11-23T01:43:50.Z",
            "2026-11-23T01:43:50,5Z", "20261123T014350Z", "2026-W48-1T00:00:00Z", "0000-01-01T00:00:00Z",
            "2026-11-23T01:43:50+0000", "2026-11-23T01:43:50+00", " 2026-11-23T01:43:50Z", "\uff12026-11-23T01:43:50Z",
        )
    ],
    *[("q", bad) for bad in ("", "x" * 256, "\x00", "milk\x00")],
    *[("cursor", bad) for bad in ("", "x", "=", "AAAA", "A" * 50, "A" * 5000, "ä", "null", "../..", "' or true--")],
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad"), BAD, ids=[f"{name}={bad[:30]!a}" for name, bad in BAD])
def test_a_bad_value_is_400_and_names_the_parameter(api: httpx.Client, user_id: str, name: str, bad: str) -> None:
    response = api.get(f"{LIST.url(user_id, '')}?limit=5&{name}={quote(bad)}".replace("limit=5&limit", "limit"))

    problem = assert_problem(response, 400)
    assert (problem["type"], f'"{name}"' in problem["detail"]) == ("urn:taskwire:problem:invalid-parameter", True)


@pytest.mark.parametrize("name", ["limit", "order", "is_completed", "created_after", "created_before", "q", "cursor"])
@pytest.mark.parametrize("bytes_sent", ["%ff", "%ED%A0%80", "a%C3"])
def test_a_value_that_is_no_text_is_400(api: httpx.Client, user_id: str, name: str, bytes_sent: str) -> None:
    response = api.get(f"{LIST.url(user_id, '')}?{name}={bytes_sent}")

    assert f'"{name}"' in assert_problem(response, 400)["detail"]


@pytest.mark.parametrize(
    "query", ["limit=5&limit=5", "q=a&order=title&q=a", "is_completed=true&is%5Fcompleted=true", "q=a&q"]
)
def test_a_repeated_parameter_is_400(api: httpx.Client, user_id: str, query: str) -> None:
    problem = assert_problem(api.get(f"{LIST.url(user_id, '')}?{query}"), 400)

    assert (problem["type"], "only once" in problem["detail"]) == ("urn:taskwire:problem:invalid-parameter", True)


def test_an_unknown_parameter_is_named_with_those_that_are_known(api: httpx.Client, user_id: str) -> None:
    problem = assert_problem(api.get(f"{LIST.url(user_id, '')}?limit=5&Limit=5"), 400)

    assert problem["type"] == "urn:taskwire:problem:unknown-parameter"
    assert '"Limit"' in problem["detail"]
    assert "limit, cursor, order, is_completed, created_after, created_before, q" in problem["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"order": "created_at"}, {"order": "title"}, {"is_completed": "true"}, {"is_completed": "false"},
        {"q": "b"}, {"created_after": "2026-01-01T00:00:00Z"}, {"created_before": "2126-01-01T00:00:00Z"},
    ],
    ids=str,
)  # fmt: skip
def test_a_cursor_is_400_with_another_order_or_filter(
    api: httpx.Client, user_id: str, many: list[Task], change: dict[str, str]
) -> None:
    cursor = cursor_of(page(api, user_id, {"limit": 1}))

    response = api.get(LIST.url(user_id, ""), params={"limit": "1", "cursor": cursor, **change})

    assert many
    assert '"cursor"' in assert_problem(response, 400)["detail"]


def test_a_cursor_is_400_for_another_user(api: httpx.Client, user_id: str, stranger_id: str, many: list[Task]) -> None:
    create(api, stranger_id)
    cursor = cursor_of(page(api, user_id, {"limit": 1}))

    response = api.get(LIST.url(stranger_id, ""), params={"limit": "1", "cursor": cursor})

    assert many
    assert '"cursor"' in assert_problem(response, 400)["detail"]


def test_a_cursor_that_was_cut_or_changed_is_400(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    cursor = cursor_of(page(api, user_id, {"limit": 1}))
    first = "C" if cursor.startswith("B") else "B"  # its digest begins with B in one of 64 runs
    spoilt = [cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor.swapcase(), first + cursor[1:]]

    answers = [api.get(LIST.url(user_id, ""), params={"cursor": one}) for one in spoilt]

    assert many
    for answer in answers:
        assert_problem(answer, 400)


def test_the_clients_own_names_alone_ask_for_no_page(api: httpx.Client, user_id: str, many: list[Task]) -> None:
    response = api.get(LIST.url(user_id, "") + "?_=1&_limit=1&_=2")

    assert (response.json(), next_url(response)) == (list_all(api, user_id), None)
    assert len(many) > 1


def cursor_of(response: httpx.Response) -> str:
    url = next_url(response)
    assert url is not None
    return parse_qs(urlsplit(url).query)["cursor"][0]
