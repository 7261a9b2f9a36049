"""Response models of a batch for the OpenAPI document; gateway/batch_results.py writes the actual JSON."""

from pydantic import BaseModel, ConfigDict, Field

from gateway.answers import TASK_EXAMPLE, ProblemDetails, Task
from gateway.entity_tags import entity_tag

BATCH_EXAMPLE = {
    "results": [
        {"status": 201, "etag": entity_tag(1764115200000000), "task": TASK_EXAMPLE},
        {
            "status": 404,
            "problem": {
                "type": "urn:taskwire:problem:task-not-found",
                "title": "The user has no such task",
                "status": 404,
                "detail": "The user has no task with this id.",
            },
        },
    ]
}


class BatchResult(BaseModel):
    """The result of one operation: what a request of its own would have been answered."""

    model_config = ConfigDict(extra="forbid")

    status: int = Field(description="The HTTP status")
    etag: str = Field("", description="The entity tag of the task; with 412, of the task as it is")
    task: Task | None = Field(None, description="The task as it is now")
    problem: ProblemDetails | None = Field(None, description="Why the operation was not carried out")


class BatchResults(BaseModel):
    """A result for each operation, in the same order."""

    model_config = ConfigDict(extra="forbid")

    results: list[BatchResult]
