"""The check of connections finds what is planted."""

import pytest

from .connections import made
from .sources import Source

HERE = "tests/integration/test_more.py"


@pytest.mark.parametrize(
    "text",
    [
        "import aio_pika\nasync def f():\n  await aio_pika.connect('amqp://')",
        "import aio_pika\nasync def f():\n  await aio_pika.connect_robust('amqp://')",
        "import aio_pika as a\nopen = a.connect",
        "import aio_pika.connection\naio_pika.connection.connect('amqp://')",
        "from aio_pika import connect",
        "from aio_pika import connect_robust as c",
        "from aio_pika import *",
        "from aio_pika import connection\nconnection.connect('amqp://')",
        "import aio_pika\nclass C(aio_pika.Connection): ...",
        "from aio_pika import RobustConnection",
        "import aiormq\naiormq.connect('amqp://')",
        "from faststream.rabbit import RabbitBroker",
        "import faststream.rabbit as r\nr.RabbitBroker()",
    ],
)
def test_a_planted_connection_is_found(text: str) -> None:
    assert len(made(Source(HERE, text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import aio_pika\nfrom aio_pika.abc import AbstractConnection\naio_pika.Message(b'')",
        "from common.bus.broker import Connection, connect_to",
        "from faststream.rabbit import RabbitQueue\nimport socket\nsocket.socket().connect(('', 1))",
        "from psycopg import AsyncConnection\nAsyncConnection.connect('')",
    ],
)
def test_what_makes_none_passes(text: str) -> None:
    assert made(Source(HERE, text)) == []
