"""The last known state of the database, for the gateways' status page. Asks PostgreSQL nothing."""

from math import isfinite

from common.contracts.reader_status import READER_STATUS_PATH, ReaderStatus, ReplicaLag
from common.http.lean_route import LeanRoute
from common.postgres.database import Database
from fastapi import APIRouter, Request, Response

from task_reader.replication import Replication

status = APIRouter(route_class=LeanRoute, include_in_schema=False)


@status.get(READER_STATUS_PATH)
async def reader_status(request: Request) -> Response:
    """The ReaderStatus, also while reads are refused."""
    database: Database = request.app.state.database
    replication: Replication = request.app.state.replication
    lags = replication.lags_s().items()
    said = ReaderStatus(
        database=database.component.state,
        is_late=replication.is_late,
        replicas=[ReplicaLag(server=server, lag_s=lag_s if isfinite(lag_s) else None) for server, lag_s in lags],
    )
    return Response(said.model_dump_json(), media_type="application/json")
