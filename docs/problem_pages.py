"""Writes problems.md and a page for each type of problem, from the types in the code.

The types are those of common/http/problems.py. problem_texts.toml says when each happens and what to do;
problem_answers.json has an answer of each as a server has given it (`make problem-answers`). The rest is derived.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from common.http import problems
from common.http.problems import MEDIA_TYPE, ProblemType
from taskwire_client.exchange import RETRIED
from taskwire_client.problems import problem_of

HERE = Path(__file__).parent
CLIENT = "../../clients/python/README.md#errors"
WRITTEN_BY = (
    "<!-- Written by `make contracts`: change docs/problem_texts.toml, or the type in common/http/problems.py. -->"
)
OF_THE_FRAMEWORK = [  # common/http/problem_answers.py makes these
    ProblemType(status.phrase.lower().replace(" ", "-"), status, status.phrase)
    for status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
]
TYPES = {
    kind.slug: kind
    for kind in [*(one for one in vars(problems).values() if isinstance(one, ProblemType)), *OF_THE_FRAMEWORK]
}

LIST_HEAD = f"""\
# Problems

{WRITTEN_BY}

Every error is a problem document (RFC 9457), sent as `application/problem+json`: `type`, `title`, `status`, and a
`detail` that says what was wrong with this request. Recognise a problem by its `type`, never by the wording of its
detail. The types are below, without `urn:taskwire:problem:`; each has a page with an answer and what to do. Every
answer has an `X-Request-ID`, which the gateway's log names too; the pages leave it out, with `Date` and
`Content-Length`.

Two rules serve for all of them: a 4xx stays the same until the request is changed, except 408 and 429; and a 408, 429,
503 or 504 may be sent again, a write with an `Idempotency-Key` and unchanged, after `Retry-After` where there is one.
"""

type Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """What stands in problem_texts.toml of one type."""

    when: str
    do: str


type Groups = Mapping[str, Mapping[str, Text]]
"""The texts by the title of their group and the slug of their type."""


def groups() -> Groups:
    """The texts, in their order there."""
    read = tomllib.loads((HERE / "problem_texts.toml").read_text(encoding="utf-8"))
    return {group["title"]: {slug: Text(**text) for slug, text in group["problem"].items()} for group in read["group"]}


def problem_pages(openapi: Json) -> Iterator[tuple[str, str]]:
    """Name and text of each page. KeyError where a text or an answer has no type, or a type has none."""
    texts = groups()
    described = {slug for group in texts.values() for slug in group}
    answers = json.loads((HERE / "problem_answers.json").read_text(encoding="utf-8"))
    if faults := (described ^ TYPES.keys()) | (answers.keys() ^ TYPES.keys()):
        raise KeyError(f"a type of problem, its text and its answer belong together: {sorted(faults)}")
    yield "problems.md", "\n".join([LIST_HEAD, *_sections(texts)])
    operations = _operations(openapi)
    for group in texts.values():
        for slug, text in group.items():
            yield f"problems/{slug}.md", _page(TYPES[slug], text, answers[slug], operations.get(slug, []))


def _sections(texts: Groups) -> Iterator[str]:
    """The list. The heading of a type is its slug, so that links to problems.md#slug lead there."""
    for title, group in texts.items():
        yield f"## {title}\n"
        for slug, text in group.items():
            kind = TYPES[slug]
            when = text.when.replace("](../", "](")
            yield f"### {slug}\n\n**{kind.status.value} · {kind.title}.** {when} [More](problems/{slug}.md)\n"


def _page(kind: ProblemType, text: Text, answer: Mapping[str, str], operations: list[str]) -> str:
    client = type(problem_of(kind.status, {"type": kind.uri})).__name__
    parts = [
        f"# {kind.slug}",
        WRITTEN_BY,
        f"**{kind.status.value} · {kind.title}.** The `type` is `{kind.uri}`.",
        f"## When it happens\n\n{text.when}",
        f"## What to do\n\n{text.do}",
        f"## Is it safe to send it again?\n\n{_retry(kind, has_pause='retry-after:' in answer['answer'].lower())}",
        f"## Example\n\n{answer['setting']}\n\n```http\n{answer['request']}\n```\n\n```http\n{answer['answer']}\n```",
        f"## Where\n\n{_where(operations)} In [the Python client]({CLIENT}) it is `{client}`.",
        "[All problems](../problems.md)",
    ]
    return "\n\n".join(parts) + "\n"


def _retry(kind: ProblemType, *, has_pause: bool) -> str:
    """What the status promises. The clients go by the same (taskwire_client/exchange.py)."""
    pause = "after `Retry-After`" if has_pause else "after a pause"
    if kind.status == HTTPStatus.GATEWAY_TIMEOUT:
        return (
            f"**With an `Idempotency-Key`, yes**: the same request with the same key {pause}. Without a key it might "
            "be done twice."
        )
    if kind.status in RETRIED:
        return f"**Yes.** Nothing was done. Send the same request {pause}."
    if kind.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return "**Not by itself.** A read may be repeated; a write only with the same `Idempotency-Key`."
    return "**Safe, but no use**: nothing was done, and the answer stays the same until the request is changed."


def _operations(openapi: Json) -> dict[str, list[str]]:
    """For each slug the operations whose documentation names it."""
    found: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            for response in operation["responses"].values():
                for slug in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}):
                    found.setdefault(slug, []).append(f"`{method.upper()} {path}`")
    return found


def _where(operations: list[str]) -> str:
    return (
        f"Operations that answer it: {', '.join(operations)}." if operations else "Any request may be answered with it."
    )
