"""The query parameters of a list, as FastAPI documents them and as a page is asked for with them."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, ClassVar
from uuid import UUID

from common.contracts.reads import LAST_MOMENT, MAX_PAGE_TASKS, MAX_SEARCH_CHARACTERS, Moment, Order, Page, SearchText
from pydantic import BeforeValidator, Field

from gateway import cursors
from gateway.parameters import Absent, QueryParameters, invalid

_NUMBER = re.compile(r"[1-9][0-9]*")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[ +-][0-9]{2}:[0-9]{2})"
)
_MICROSECOND_DIGITS = 6


def _whole_number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or len(text) > len(str(MAX_PAGE_TASKS)):
        raise ValueError
    return int(text)


def _true_or_false(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _moment(text: str, *, up: bool) -> datetime:
    """The time of RFC 3339, section 5.6, to the microsecond that keeps the comparison exact.

    A `+` that was not percent-encoded arrives as a space, which no time has in this place.
    """
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise ValueError
    date, time, fraction, offset = parts.groups("")
    micros, finer = fraction[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0"), fraction[_MICROSECOND_DIGITS:]
    moment = datetime.fromisoformat(f"{date}T{time}.{micros}{offset.upper().replace(' ', '+')}")
    if up and finer.strip("0") and moment.replace(tzinfo=UTC) < LAST_MOMENT:
        return moment + timedelta(microseconds=1)
    return moment


_Limit = Annotated[int, Field(ge=1, le=MAX_PAGE_TASKS)]


class ListQuery(QueryParameters):
    """The parameters of a list. None of them means all tasks; with any of them, it is answered page by page."""

    ALLOWED: ClassVar = {
        "limit": f"a whole number from 1 to {MAX_PAGE_TASKS}",
        "cursor": "one from the Link header of an answer to the same user, order and filters",
        "order": "created_at, -created_at, title or -title",
        "is_completed": "true or false",
        "created_after": "a time of RFC 3339 with an offset, such as 2026-11-23T01:43:50Z",
        "created_before": "a time of RFC 3339 with an offset, such as 2026-11-23T01:43:50Z",
        "q": f"a text of 1 to {MAX_SEARCH_CHARACTERS} characters without U+0000",
    }

    limit: Annotated[_Limit | Absent, BeforeValidator(_whole_number)] = Field(
        None,
        description=f"The most tasks in one page; {MAX_PAGE_TASKS} when there are other parameters alone",
        examples=[50],
    )
    cursor: Annotated[str, Field(min_length=1)] | Absent = Field(
        None,
        description="Where the page begins: from the `Link` of the page before, with the same order and filters",
        examples=["EN-tLt4mGGKrUTVNFBSyx4aCSl_-ymtSMjAyNi0xMS0yM1QwMTo0Mzo1MC4zNzg5NzUrMDA6MDA"],
    )
    order: Order = Field(
        "-created_at",
        description="Sorted by time of creation or title, with a minus descending; equal ones by id, in that direction."
        " Titles sort by code point",
        examples=["title"],
    )
    is_completed: Annotated[bool | Absent, BeforeValidator(_true_or_false)] = Field(
        None, description="Only completed tasks, or only open ones", examples=[False]
    )
    created_after: Annotated[Moment | Absent, BeforeValidator(partial(_moment, up=False))] = Field(
        None, description="Only tasks created later than this, exclusive", examples=["2026-11-01T00:00:00Z"]
    )
    created_before: Annotated[Moment | Absent, BeforeValidator(partial(_moment, up=True))] = Field(
        None, description="Only tasks created earlier than this, exclusive", examples=["2026-12-01T00:00:00+01:00"]
    )
    q: SearchText | Absent = Field(
        None,
        description="Only tasks with this text in their title or description, in any case; nothing in it is a wildcard",
        examples=["milk"],
    )

    def page_of(self, user_id: UUID) -> Page:
        """The page of this user's tasks. Raises a 400 problem for a cursor of another user, order or filter."""
        given = self.model_dump(exclude={"cursor"}, exclude_unset=True)
        page = Page(**{"limit": MAX_PAGE_TASKS} | given)
        if self.cursor is None:
            return page
        try:
            after = cursors.decode(self.cursor, user_id, page)
            return Page(**page.model_dump() | {"after": after})
        except ValueError:  # pydantic's, too: whoever forges a cursor may put anything into it
            raise invalid("cursor", self.ALLOWED["cursor"]) from None
