"""The body of a batch: operations on the tasks of one user. All are checked before any is carried out."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from common.contracts.commands import Precondition
from common.http.paths import uuid_text
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from gateway.bodies import CompletionBody, PatchBody, ReplacementBody, TaskBody, as_patch, with_echo, without_default
from gateway.commands import AnyCommand, CreateTask, DeleteTask, Envelope, PatchTask, ReplaceTask, ToggleTask
from gateway.entity_tags import entity_tag, read_tags
from gateway.new_ids import new_id
from gateway.preconditions import write_precondition

MAX_OPERATIONS = 1_000
MAX_BATCH_BYTES = 1024 * 1024
MAX_TAGS_CHARACTERS = 256  # ten tags: a MiB of them would take the event loop half a second
MAX_LARGE_BODIES = 32  # beyond the size of other bodies, being read or parsed at the same time, in each process

_ID = "b0f2e817-358d-4049-a335-6464f1071bec"


def _entity_tags(value: str) -> str:
    if value.strip(" \t") != "*" and read_tags(value) is None:
        raise PydanticCustomError("entity_tags", "Must be * or a list of entity tags in quotes")
    return value


def _uuid(value: str) -> str:
    text = uuid_text(value)
    if text is None:
        raise PydanticCustomError("invalid_id", "Must be a UUID")
    return text


_TAG = r'(W/)?"[!#-~\x80-\xff]*"'


def _as_tags(schema: JsonDict) -> None:
    without_default(schema)
    schema["pattern"] = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"


EntityTags = Annotated[
    str,
    Field(max_length=MAX_TAGS_CHARACTERS),
    AfterValidator(_entity_tags),
    Field(json_schema_extra=_as_tags, examples=[entity_tag(1764115200000000)]),
]
TaskIdText = Annotated[
    str,
    AfterValidator(_uuid),
    Field(
        description="The task",
        examples=[_ID],
        json_schema_extra={"format": "uuid"},
    ),
]


def _shown(example: JsonDict, described: Callable[[JsonDict], None] | None = None) -> Callable[[JsonDict], None]:
    def extra(schema: JsonDict) -> None:
        if described is not None:
            described(schema)
        schema["example"] = example

    return extra


class _Operation(BaseModel):
    """What all operations have: conditions, in the form of the headers If-Match and If-None-Match."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    succeeds_with: ClassVar[int] = 200

    if_match: EntityTags = Field("", description="As the header If-Match, for this operation alone")
    if_none_match: EntityTags = Field("", description="As the header If-None-Match, for this operation alone")

    def precondition(self) -> Precondition | None:
        """What must hold for the operation to be carried out."""
        given = self.model_fields_set
        return write_precondition(
            [self.if_match] if "if_match" in given else None, [self.if_none_match] if "if_none_match" in given else None
        )


class CreateOperation(_Operation, TaskBody):
    """Creates a task, as POST does."""

    model_config = ConfigDict(json_schema_extra=_shown({"op": "create", "title": "Buy milk"}))

    op: Literal["create"]
    succeeds_with: ClassVar[int] = 201

    def command(self, envelope: Envelope) -> AnyCommand:
        """The operation as a command."""
        return CreateTask(type="create_task", **envelope, task_id=new_id(), **self.task_fields())


class ReplaceOperation(_Operation, ReplacementBody):
    """Replaces a task, as PUT does."""

    model_config = ConfigDict(json_schema_extra=_shown({"op": "replace", "id": _ID, "title": "Buy bread"}, with_echo))

    op: Literal["replace"]
    id: TaskIdText

    def command(self, envelope: Envelope) -> AnyCommand:
        """The operation as a command."""
        return ReplaceTask(type="replace_task", **envelope, task_id=self.id, **self.task_fields())


class PatchOperation(_Operation, PatchBody):
    """Changes some fields of a task, as PATCH does."""

    model_config = ConfigDict(json_schema_extra=_shown({"op": "patch", "id": _ID, "description": None}, as_patch))

    op: Literal["patch"]
    id: TaskIdText

    def command(self, envelope: Envelope) -> AnyCommand:
        """The operation as a command."""
        return PatchTask(type="patch_task", **envelope, task_id=self.id, changes=self.changes())


class CompleteOperation(_Operation, CompletionBody):
    """Flips a task's completion or sets it, as PATCH of its `complete` does."""

    model_config = ConfigDict(json_schema_extra=_shown({"op": "complete", "id": _ID, "is_completed": True}))

    op: Literal["complete"]
    id: TaskIdText

    def command(self, envelope: Envelope) -> AnyCommand:
        """The operation as a command."""
        return ToggleTask(type="toggle_task", **envelope, task_id=self.id, is_completed=self.wanted())


class DeleteOperation(_Operation):
    """Deletes a task, as DELETE does."""

    model_config = ConfigDict(json_schema_extra=_shown({"op": "delete", "id": _ID}))

    op: Literal["delete"]
    id: TaskIdText
    succeeds_with: ClassVar[int] = 204

    def command(self, envelope: Envelope) -> AnyCommand:
        """The operation as a command."""
        return DeleteTask(type="delete_task", **envelope, task_id=self.id)


type AnyOperation = CreateOperation | ReplaceOperation | PatchOperation | CompleteOperation | DeleteOperation


class BatchBody(BaseModel):
    """Operations, carried out in this order."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra=_shown(
            {"operations": [{"op": "create", "title": "Buy milk"}, {"op": "complete", "id": _ID, "if_match": "*"}]}
        ),
    )

    operations: list[Annotated[AnyOperation, Field(discriminator="op")]] = Field(
        min_length=1, max_length=MAX_OPERATIONS
    )
