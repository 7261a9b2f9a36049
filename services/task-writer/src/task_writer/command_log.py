"""What the command log remembers, for an operator who replays dead letters."""

import logging

import psycopg

from task_writer.letters import Memory
from task_writer.settings import DeadLetterSettings
from task_writer.statements import FORGOTTEN_UNTIL

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10


async def read_memory(settings: DeadLetterSettings) -> Memory | None:
    """What PostgreSQL says of it; None when it does not answer, or nobody has said where it is.

    The retention is the setting. What was deleted under a shorter one before is gone, and the log knows it.
    """
    if settings.writer_database_url is None:
        return None
    url = settings.writer_database_url.get_secret_value()
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            row = await (await connection.execute(FORGOTTEN_UNTIL.encode())).fetchone()
    except psycopg.Error as error:
        log.warning("the command log cannot be asked: %s", error)
        return None
    return Memory(settings.command_log_retention_h * 3600, forgotten_until=row[0]) if row else None
