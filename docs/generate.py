"""Writes the contracts for other languages and tools, openapi.json (the API) and asyncapi.json (the bus), the page of
all settings, configuration.md, and those of the problems, problems.md and problems/.

    uv run python docs/generate.py [folder]

The folder is this one unless another is given. Nothing is connected to; the same code always writes the same bytes.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.bus.declarations import COMMANDS, DEAD_LETTERS, HINTS
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME, HINTS_NAME
from common.contracts.commands import CommandBatch
from common.contracts.hints import ChangeHint
from common.contracts.outcomes import OutcomeBatch
from configuration import configuration_page
from faststream.rabbit import RabbitBroker, RabbitQueue
from faststream.specification import AsyncAPI
from gateway.app import create_app
from gateway.openapi import openapi_document
from gateway.settings import GatewaySettings
from problem_pages import problem_pages
from pydantic import HttpUrl, SecretStr

REPLIES_NAME = "gateway.replies"  # of the channel in the document: on the bus there is no queue
REPLIES = RabbitQueue(REPLIES_NAME)

COMMANDS_TEXT = """
The commands of all gateways, in batches. `reply_to` names the gateway that waits for the answer, as RabbitMQ's direct
reply-to does, and `correlation_id` the batch. Messages are persistent. A batch that cannot be read, or that was
delivered too often, goes to the dead letters. A message of the type `barrier` is there to be confirmed: its one command
has expired, and whoever receives it acknowledges it.
"""
REPLIES_TEXT = """
The outcomes of a batch, sent to the default exchange with its `reply_to` as the routing key: RabbitMQ's direct
reply-to, which has no queue. `correlation_id` is that of the batch. Replies are not persistent: nobody waits for one
after a restart.
"""
DEAD_LETTERS_TEXT = """
What could not be carried out, for people to look at: the bytes of a message that could not be read, or a batch of the
one command that PostgreSQL could not carry out. The header `x-reason` says why. A batch that RabbitMQ itself moved here
after too many deliveries has RabbitMQ's header `x-death` instead.
"""
HINTS_TEXT = """
The users whose tasks a batch may have changed, each with the revision that it reached, for gateways with event streams.
Sent to a fanout exchange after the commit: neither persistent, mandatory nor confirmed. A hint may be lost or repeated.
"""

type Json = dict[str, Any]


def asyncapi_document() -> Json:
    """The AsyncAPI 3 document of the bus, as the task-writer sees it: it receives commands and sends the rest.

    FastStream derives it from a broker that is declared here and never started. The services' own brokers send and
    take bytes, so that they can dead-letter an unreadable message, and therefore declare no payloads.
    """
    broker = RabbitBroker()

    async def carry_out(batch: CommandBatch) -> None: ...

    broker.subscriber(COMMANDS, title=COMMANDS_NAME, description=_line(COMMANDS_TEXT), no_reply=True)(carry_out)
    broker.publisher(
        REPLIES,
        schema=OutcomeBatch,
        title=REPLIES_NAME,
        description=_line(REPLIES_TEXT),
        persist=False,
        mandatory=False,
    )
    broker.publisher(
        DEAD_LETTERS, title=DEAD_LETTERS_NAME, description=_line(DEAD_LETTERS_TEXT), persist=True, mandatory=True
    )
    broker.publisher(
        exchange=HINTS,
        schema=ChangeHint,
        title=HINTS_NAME,
        description=_line(HINTS_TEXT),
        persist=False,
        mandatory=False,
    )
    specification = AsyncAPI(broker, title="Taskwire bus", version=version("common")).to_specification()
    return _completed(json.loads(specification.to_json()))


def default_openapi_document() -> Json:
    """The OpenAPI document of a gateway with the default settings: no tokens and no limits of rates."""
    unused = SecretStr("amqp://unused")
    return openapi_document(
        create_app(GatewaySettings(port=0, reader_url=HttpUrl("http://unused"), rabbitmq_url=unused))
    )


def _completed(document: Json) -> Json:
    """The document without addresses, which are the operator's, and with what FastStream has no words for."""
    channels, operations = document["channels"], document["operations"]
    del document["servers"]
    for name in (COMMANDS_NAME, REPLIES_NAME, DEAD_LETTERS_NAME, HINTS_NAME):
        del channels[name]["servers"]
    for queue in (COMMANDS, DEAD_LETTERS):
        channels[queue.name]["x-queue"] = {
            "durable": queue.durable,
            "auto_delete": queue.auto_delete,
            "arguments": queue.arguments,
        }

    (hint,) = channels[HINTS_NAME]["messages"].values()
    del document["components"]["messages"][hint["$ref"].rpartition("/")[2]]["correlationId"]
    channels[REPLIES_NAME]["address"] = None  # AsyncAPI's word for an address that comes with the request
    del operations[REPLIES_NAME]["bindings"]["amqp"]["cc"]  # the routing key, likewise
    operations[COMMANDS_NAME]["reply"] = {
        "address": {"location": "$message.header#/reply_to"},
        "channel": {"$ref": f"#/channels/{REPLIES_NAME}"},
    }

    (dead_letter,) = channels[DEAD_LETTERS_NAME]["messages"].values()
    message = document["components"]["messages"][dead_letter["$ref"].rpartition("/")[2]]
    del message["correlationId"]
    message["payload"] = {}  # anything: what cannot be read lies here too
    message["headers"] = {"type": "object", "properties": {"x-reason": {"type": "string"}}}
    return document


def _line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Writes all files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    openapi = default_openapi_document()
    for name, document in (("openapi.json", openapi), ("asyncapi.json", asyncapi_document())):
        text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    (folder / "configuration.md").write_text(configuration_page(), encoding="utf-8")
    (folder / "problems").mkdir(exist_ok=True)
    for name, page in problem_pages(openapi):
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
