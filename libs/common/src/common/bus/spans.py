"""The spans of messages, named and described as OpenTelemetry's messaging conventions have it."""

from collections.abc import Iterable
from typing import Final, Literal

from common.bus.topology import COMMANDS_NAME
from common.observability.tracing import Kind, Traced, batch_span

type Doing = Literal["send", "process"]

_KINDS: Final[dict[Doing, Kind]] = {"send": "PRODUCER", "process": "CONSUMER"}
_ATTRIBUTES: Final = {
    doing: {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": COMMANDS_NAME,
        "messaging.operation.type": doing,
        "messaging.operation.name": name,
    }
    for doing, name in (("send", "publish"), ("process", "consume"))
}


def commands_span(doing: Doing, traceparents: Iterable[str | None]) -> Traced:
    """The span of sending or of processing a message with commands of these traceparents. Costs nothing while none is
    traced."""
    return batch_span(f"{doing} {COMMANDS_NAME}", _KINDS[doing], traceparents, _ATTRIBUTES[doing])
