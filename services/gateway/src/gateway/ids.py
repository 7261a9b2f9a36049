"""The ids in a path, as FastAPI documents them."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

UserId = Annotated[
    UUID, Path(description="The user whose tasks these are", examples=["7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"])
]
TaskId = Annotated[UUID, Path(description="The task", examples=["b0f2e817-358d-4049-a335-6464f1071bec"])]
