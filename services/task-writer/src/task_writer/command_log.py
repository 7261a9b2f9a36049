"""How far back the command log has records, for an operator who replays dead letters."""

import logging

import psycopg
from common.postgres.servers import options_for_primary

from task_writer.dead_letters import LogWindow
from task_writer.settings import DeadLetterSettings
from task_writer.statements import FORGOTTEN_UNTIL

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10


async def read_log_window(settings: DeadLetterSettings) -> LogWindow | None:
    """The log's window; None when PostgreSQL does not answer or WRITER_DATABASE_URL is not set.

    The retention comes from the settings. The log records up to when records were deleted under a shorter
    retention.
    """
    if settings.writer_database_url is None:
        return None
    url = settings.writer_database_url
    options = options_for_primary(url, CONNECT_TIMEOUT_S)
    try:
        async with await psycopg.AsyncConnection.connect(url.get_secret_value(), **options) as connection:
            row = await (await connection.execute(FORGOTTEN_UNTIL.encode())).fetchone()
    except psycopg.Error as error:
        log.warning("the command log cannot be read: %s", error)
        return None
    return LogWindow(settings.command_log_retention_h * 3600, forgotten_until=row[0]) if row else None
