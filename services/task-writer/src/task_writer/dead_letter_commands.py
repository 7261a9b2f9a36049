"""`task-writer dead-letters`: list, show, replay and discard, for the operator at the terminal."""

import asyncio
import json
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime

from aio_pika.exceptions import AMQPError
from common.bus.broker import described
from common.observability.logs import configure_logging
from common.settings import load

from task_writer.command_log import read_log_window
from task_writer.dead_letter_queue import open_dead_letters
from task_writer.dead_letters import DeadLetter, LogWindow, NotPossible, replay_messages, safe_until
from task_writer.settings import DeadLetterSettings

NOTHING = "No dead letters."
NOT_KNOWN = "the command log at WRITER_DATABASE_URL cannot be read"
USERS_IN_A_LINE = 3


def run(arguments: Namespace) -> None:
    """Runs the action in `arguments` (see cli.py). On failure, exits with status 1 and one line on standard error."""
    settings = load(DeadLetterSettings)
    configure_logging("critical")  # errors are reported once, below
    try:
        asyncio.run(_action(arguments, settings))
    except NotPossible as error:
        raise SystemExit(str(error)) from None
    except TimeoutError:
        raise SystemExit("RabbitMQ at RABBITMQ_URL did not answer in time. Nothing is lost; try again.") from None
    except (AMQPError, OSError, RuntimeError) as error:  # aiormq raises RuntimeError for a closed channel
        raise SystemExit(f"RabbitMQ at RABBITMQ_URL cannot be used: {described(error)}") from None
    except KeyboardInterrupt:
        raise SystemExit("Interrupted. Dead letters that were not reported as done are still in the queue.") from None


def _action(arguments: Namespace, settings: DeadLetterSettings) -> Coroutine[None, None, None]:
    if arguments.dead_letter_action == "list":
        return list_dead_letters(settings, arguments.limit)
    if arguments.dead_letter_action == "show":
        return show(settings, arguments.id)
    if arguments.dead_letter_action == "replay":
        return replay(settings, arguments.id, force=arguments.force)
    return discard(settings, arguments.id, yes=arguments.yes)


async def list_dead_letters(settings: DeadLetterSettings, limit: int) -> None:
    """Prints one line for each of the oldest `limit` dead letters, without any task text."""
    async with open_dead_letters(settings) as queue:
        lines = list[str]()
        async for held in queue.dead_letters():
            lines.append(line(held.dead_letter))
            if len(lines) == limit:
                break
    if queue.count > len(lines):
        lines.append(f"These are the oldest {len(lines)} of {queue.count}; --limit shows more.")
    _print("\n".join(lines) or NOTHING)


async def show(settings: DeadLetterSettings, dead_letter_id: str) -> None:
    """Prints everything in one dead letter. Raises NotPossible when it is not in the queue."""
    async with open_dead_letters(settings) as queue:
        async for held in queue.dead_letters():
            if held.dead_letter.id == dead_letter_id:
                _print(whole(held.dead_letter, await read_log_window(settings)))
                return
    raise _not_there(dead_letter_id)


async def replay(settings: DeadLetterSettings, dead_letter_id: str | None, *, force: bool) -> None:
    """Sends the commands of one dead letter, or of all, to the task-writers, then removes it from the queue.

    Each command takes effect once, even when this process dies between sending and removing and the dead letter is
    replayed again: the command ids stay the same, and the command log has the recorded outcomes. Raises NotPossible at
    the end when some dead letters cannot be replayed; immediately when no task-writer runs or RabbitMQ refuses a
    message.
    """
    replayed, refused, sent = 0, list[str](), 0
    async with open_dead_letters(settings) as queue:
        if queue.count:
            await queue.require_writer()
        window = await _window_for_replay(settings, force=force or not queue.count)
        async for held in queue.dead_letters():
            if dead_letter_id not in {None, held.dead_letter.id}:
                continue
            try:
                messages = replay_messages(held.dead_letter, window, force=force)
            except NotPossible as error:
                refused.append(str(error))
                continue
            await queue.replace(held, messages)
            replayed, sent = replayed + 1, sent + len(messages)
            _print(f"{held.dead_letter.id}: sent {_amount(len(messages), 'command')}")
    if not replayed and not refused:
        _nothing_to_do(dead_letter_id)
        return
    _print(f"Replayed {_amount(replayed, 'dead letter')} with {_amount(sent, 'command')}.")
    if refused:
        raise NotPossible("\n".join([*refused, f"{_amount(len(refused), 'dead letter')} stayed in the queue."]))


async def _window_for_replay(settings: DeadLetterSettings, *, force: bool) -> LogWindow:
    window = await read_log_window(settings)
    if window is None and not force:
        raise NotPossible(f"Nothing was replayed: {NOT_KNOWN}. With --force, commands could take effect twice.")
    return window or LogWindow(settings.command_log_retention_h * 3600, forgotten_until=time.time())


async def discard(settings: DeadLetterSettings, dead_letter_id: str | None, *, yes: bool) -> None:
    """Deletes one dead letter, or all, permanently. Without `yes`, lists them and raises NotPossible."""
    found = 0
    async with open_dead_letters(settings) as queue:
        async for held in queue.dead_letters():
            if dead_letter_id not in {None, held.dead_letter.id}:
                continue
            found += 1
            _print(line(held.dead_letter))
            if yes:
                await queue.remove(held)
    if not found:
        _nothing_to_do(dead_letter_id)
    elif yes:
        _print(f"Discarded {_amount(found, 'dead letter')}.")
    else:
        raise NotPossible(f"Nothing was discarded. To delete {_amount(found, 'dead letter')} permanently, add --yes.")


def line(dead_letter: DeadLetter) -> str:
    """Id, time, commands, users and reason in one line, without any task text."""
    return "  ".join(
        [dead_letter.id, _time(dead_letter.dead_lettered_at), _contents(dead_letter), printable(dead_letter.reason)]
    )


def whole(dead_letter: DeadLetter, window: LogWindow | None) -> str:
    """Everything in the dead letter, task texts included. `window` is None when the command log could not be read."""
    headers = json.dumps(dead_letter.headers, indent=2, default=str, ensure_ascii=False)
    said = [
        f"id        {dead_letter.id}",
        f"since     {_time(dead_letter.dead_lettered_at)}",
        f"reason    {dead_letter.reason}",
        f"contents  {_contents(dead_letter)}",
        f"replay    {_replayable(dead_letter, window)}",
        f"headers   {headers}",
        f"body      {_body(dead_letter.body)}",
    ]
    return printable("\n".join(said))


def printable(text: str) -> str:
    """The text with control characters and other unprintable code points escaped; line feeds stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )


def _body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


def _contents(dead_letter: DeadLetter) -> str:
    if dead_letter.commands is None:
        return _amount(len(dead_letter.body), "byte")
    types = Counter(command.type for command in dead_letter.commands)
    users = list(dict.fromkeys(str(command.user_id) for command in dead_letter.commands))
    named = [name if count == 1 else f"{count} {name}" for name, count in types.items()]
    more = f" and {len(users) - USERS_IN_A_LINE} more" if len(users) > USERS_IN_A_LINE else ""
    commands = _amount(len(dead_letter.commands), "command")
    return f"{commands} ({', '.join(named)}) of {', '.join(users[:USERS_IN_A_LINE])}{more}"


def _replayable(dead_letter: DeadLetter, window: LogWindow | None) -> str:
    if dead_letter.commands is None:
        return "impossible: the body cannot be read"
    if window is None:
        return f"unknown: {NOT_KNOWN}"
    until = datetime.fromtimestamp(safe_until(dead_letter, window), UTC)
    if until > datetime.now(UTC):
        return f"safe until {_time(until)}, when the command log's records may be deleted"
    return f"unsafe since {_time(until)}: the command log's records may have been deleted"


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "at an unknown time"


def _amount(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _not_there(dead_letter_id: str) -> NotPossible:
    return NotPossible(
        f"There is no dead letter {printable(dead_letter_id)}: it was replayed or discarded, or the id is misspelled. "
        "`task-writer dead-letters list` shows the queue."
    )


def _nothing_to_do(dead_letter_id: str | None) -> None:
    if dead_letter_id is not None:
        raise _not_there(dead_letter_id)
    _print(NOTHING)


def _print(text: str) -> None:
    """Prints a line; characters outside the terminal's encoding are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
