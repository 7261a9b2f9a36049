"""Pages of a list, as a client follows them."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

import httpx

from .tasks import LIST, Task

NEXT = re.compile(r'<([^<>]+)>; rel="next"')


def page(api: httpx.Client, user_id: str, query: Mapping[str, object]) -> httpx.Response:
    """The answer to a list with these parameters, which has to succeed."""
    response = api.get(LIST.url(user_id, ""), params={name: str(value) for name, value in query.items()})
    assert response.status_code == 200, response.text
    return response


def next_url(response: httpx.Response) -> str | None:
    """Where the Link leads; None on the last page."""
    link = response.headers.get("link")
    if link is None:
        return None
    found = NEXT.fullmatch(link)
    assert found, link
    return found[1]


def pages(api: httpx.Client, user_id: str, **query: object) -> Iterator[list[Task]]:
    """All pages from the first on."""
    response = page(api, user_id, query)
    while True:
        yield cast("list[Task]", response.json())
        url = next_url(response)
        if url is None:
            return
        response = api.get(url)
        assert response.status_code == 200, response.text


def all_pages(api: httpx.Client, user_id: str, **query: object) -> list[Task]:
    """The tasks of all pages."""
    return [task for one in pages(api, user_id, **query) for task in one]
