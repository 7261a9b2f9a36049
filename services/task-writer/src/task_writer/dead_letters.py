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
from common.observability.logs import configure_logging
from common.settings import load

from task_writer.command_log import read_memory
from task_writer.dead_letter_queue import DeadLetterQueue, Held, open_dead_letters
from task_writer.letters import Letter, Memory, NotPossible, remembered_until, replay_messages
from task_writer.settings import DeadLetterSettings

NOTHING = "No dead letters."
NOT_KNOWN = "the database at WRITER_DATABASE_URL does not say what the command log has forgotten"
USERS_IN_A_LINE = 3


def run(wished: Namespace) -> None:
    """Does what `wished` says (see cli.py), and ends with a line on standard error and status 1 when it cannot."""
    settings = load(DeadLetterSettings)
    configure_logging("critical")  # what goes wrong is told once, below
    try:
        asyncio.run(_wish(wished, settings))
    except NotPossible as error:
        raise SystemExit(str(error)) from None
    except TimeoutError:
        raise SystemExit("RabbitMQ at RABBITMQ_URL does not answer in time. Nothing is lost; try again.") from None
    except (AMQPError, OSError, RuntimeError) as error:  # aiormq has a RuntimeError for a channel that is closed
        raise SystemExit(f"RabbitMQ at RABBITMQ_URL cannot be used: {_in_one_line(error)}") from None
    except KeyboardInterrupt:
        raise SystemExit("Interrupted. Letters that were not named as done are still there.") from None


def _wish(wished: Namespace, settings: DeadLetterSettings) -> Coroutine[None, None, None]:
    if wished.wish == "list":
        return list_letters(settings, wished.limit)
    if wished.wish == "show":
        return show(settings, wished.id)
    if wished.wish == "replay":
        return replay(settings, wished.id, force=wished.force)
    return discard(settings, wished.id, yes=wished.yes)


async def list_letters(settings: DeadLetterSettings, limit: int) -> None:
    """Says a line for each of the oldest `limit` letters; no text of a task is in it."""
    async with open_dead_letters(settings) as queue:
        lines = list[str]()
        async for held in queue.letters():
            lines.append(line(held.letter))
            if len(lines) == limit:
                break
    if queue.count > len(lines):
        lines.append(f"These are the oldest {len(lines)} of {queue.count}; --limit shows more.")
    _say("\n".join(lines) or NOTHING)


async def show(settings: DeadLetterSettings, letter_id: str) -> None:
    """Says all that one letter holds. Raises NotPossible when it is not there."""
    async with open_dead_letters(settings) as queue:
        async for held in queue.letters():
            if held.letter.id == letter_id:
                _say(whole(held.letter, await read_memory(settings)))
                return
    raise _not_there(letter_id)


async def replay(settings: DeadLetterSettings, letter_id: str | None, *, force: bool) -> None:
    """Sends the commands of the letter, or of all letters, to the task-writers, and then removes the letter.

    Each takes effect once, also when this process dies between sending and removing and the letter is replayed again:
    its command ids stay the same, and the command log answers what was carried out. Raises NotPossible at the end when
    letters were left that cannot be replayed, at once when no task-writer runs or RabbitMQ refuses a message.
    """
    replayed, refused, sent = 0, list[str](), 0
    async with open_dead_letters(settings) as queue:
        if queue.count:
            await queue.require_writer()
        memory = await _memory_for_replay(settings, force=force or not queue.count)
        async for held in queue.letters():
            if letter_id not in {None, held.letter.id}:
                continue
            try:
                sent += await _replay_one(queue, held, memory, force=force)
            except _Refused as error:
                refused.append(str(error))
                continue
            replayed += 1
            _say(f"{held.letter.id}: sent {_amount(len(held.letter.commands or ()), 'command')}")
    if not replayed and not refused:
        _nothing_to_do(letter_id)
        return
    _say(f"Replayed {_amount(replayed, 'letter')} with {_amount(sent, 'command')}.")
    if refused:
        raise NotPossible("\n".join([*refused, f"{_amount(len(refused), 'letter')} stayed."]))


class _Refused(Exception):
    """This letter cannot be replayed; others can."""


async def _memory_for_replay(settings: DeadLetterSettings, *, force: bool) -> Memory:
    memory = await read_memory(settings)
    if memory is None and not force:
        raise NotPossible(f"Nothing was replayed: {NOT_KNOWN}. With --force, commands could take effect twice.")
    return memory or Memory(settings.command_log_retention_h * 3600, forgotten_until=time.time())


async def _replay_one(queue: DeadLetterQueue, held: Held, memory: Memory, *, force: bool) -> int:
    try:
        messages = replay_messages(held.letter, memory, force=force)
    except NotPossible as error:
        raise _Refused(str(error)) from None
    for message in messages:
        await queue.send(message)
    await queue.remove(held)
    return len(messages)


async def discard(settings: DeadLetterSettings, letter_id: str | None, *, yes: bool) -> None:
    """Removes the letter, or all letters, for good; without `yes`, says which and raises NotPossible."""
    found = 0
    async with open_dead_letters(settings) as queue:
        async for held in queue.letters():
            if letter_id not in {None, held.letter.id}:
                continue
            found += 1
            _say(line(held.letter))
            if yes:
                await queue.remove(held)
    if not found:
        _nothing_to_do(letter_id)
    elif yes:
        _say(f"Discarded {_amount(found, 'letter')} for good.")
    else:
        raise NotPossible(f"Nothing was discarded. To lose {_amount(found, 'letter')} for good, add --yes.")


def line(letter: Letter) -> str:
    """Id, time, reason, commands and users in one line, without any text of a task."""
    return "  ".join([letter.id, _time(letter.buried_at), _contents(letter), printable(letter.reason)])


def whole(letter: Letter, memory: Memory | None) -> str:
    """All that the letter holds, texts of tasks included; what the command log remembers may be unknown."""
    headers = json.dumps(letter.headers, indent=2, default=str, ensure_ascii=False)
    said = [
        f"letter    {letter.id}",
        f"buried    {_time(letter.buried_at)}",
        f"reason    {letter.reason}",
        f"contents  {_contents(letter)}",
        f"replay    {_replayable(letter, memory)}",
        f"headers   {headers}",
        f"body      {_body(letter.body)}",
    ]
    return printable("\n".join(said))


def printable(text: str) -> str:
    """The text with whatever could steer a terminal, or is no character, escaped; line feeds stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )


def _body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


def _contents(letter: Letter) -> str:
    if letter.commands is None:
        return _amount(len(letter.body), "byte")
    types = Counter(command.type for command in letter.commands)
    users = list(dict.fromkeys(str(command.user_id) for command in letter.commands))
    named = [name if count == 1 else f"{count} {name}" for name, count in types.items()]
    more = f" and {len(users) - USERS_IN_A_LINE} more" if len(users) > USERS_IN_A_LINE else ""
    return (
        f"{_amount(len(letter.commands), 'command')} ({', '.join(named)}) of {', '.join(users[:USERS_IN_A_LINE])}{more}"
    )


def _replayable(letter: Letter, memory: Memory | None) -> str:
    if letter.commands is None:
        return "impossible: the body cannot be read"
    if memory is None:
        return f"unknown: {NOT_KNOWN}"
    until = datetime.fromtimestamp(remembered_until(letter, memory), UTC)
    if until > datetime.now(UTC):
        return f"safe until {_time(until)}, when the command log begins to forget"
    return f"unsafe since {_time(until)}: the command log may have forgotten what took effect"


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "at an unknown time"


def _amount(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _not_there(letter_id: str) -> NotPossible:
    return NotPossible(
        f"There is no dead letter {printable(letter_id)}: it was replayed or discarded, or the id is misspelled. "
        "`task-writer dead-letters list` shows those that are there."
    )


def _nothing_to_do(letter_id: str | None) -> None:
    if letter_id is not None:
        raise _not_there(letter_id)
    _say(NOTHING)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _say(text: str) -> None:
    """A terminal that knows fewer characters gets them escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
