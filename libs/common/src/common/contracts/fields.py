"""The task fields that the user sets, and their text rules. Add a new field here first.

The patterns state the same rules for JSON Schema tools (ECMA-262 with the u flag).
"""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from common.contracts.invisible import INVISIBLE_CLASS, is_blank

TITLE_MAX_CHARACTERS = 255
DESCRIPTION_MAX_CHARACTERS = 2000

STORABLE_PATTERN = r"^[^\u0000]*$"
TITLE_PATTERN = rf"^[^\u0000]*[^\u0000{INVISIBLE_CLASS}][^\u0000]*$"


def require_storable(text: str) -> str:
    """PostgreSQL's text holds every character but U+0000
    (https://www.postgresql.org/docs/current/datatype-character.html)."""
    if "\x00" in text:
        raise PydanticCustomError("unstorable_text", "Text must not contain U+0000")
    return text


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError("blank_text", "Text must not be blank")
    return text


Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TITLE_MAX_CHARACTERS),
    AfterValidator(require_storable),
    AfterValidator(_not_blank),
    Field(json_schema_extra={"pattern": TITLE_PATTERN}),
]
Description = Annotated[
    str,
    StringConstraints(max_length=DESCRIPTION_MAX_CHARACTERS),
    AfterValidator(require_storable),
    Field(json_schema_extra={"pattern": STORABLE_PATTERN}),
]


class TaskFields(BaseModel):
    """The fields that a client sets: the base of bodies, commands and answers that carry a whole task.

    Each has an example that is not null: FastAPI leaves nulls out of examples.
    """

    title: Title = Field(examples=["Buy milk"])
    description: Description | None = Field(default=None, examples=["2 litres"])
    is_completed: bool = Field(default=False, examples=[False])


class TaskChanges(TypedDict, total=False):
    """Those of the fields that a client changes; the others stay. Null is a value: it clears the description."""

    title: Title
    description: Description | None
    is_completed: bool
