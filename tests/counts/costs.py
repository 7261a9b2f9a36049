"""What the code costs today, counted: numbers that no machine and no load changes. N is the size of a batch.

| what | what it costs |
|---|---|
| a read, or a batch of N reads | 1 request to the task-reader, 1 SQL round trip, 1 statement |
| the same, each not older than a revision | the same |
| the same, all 304, or lists from memory | the same, and no look at the table of tasks for a list |
| a delta of N changes | the same; N records of the log and their tasks, by index (tests/integration/test_changes.py) |
| a command, or a batch of N commands of any types | 1 SQL round trip, 1 statement for each 128 |
| the same batch redelivered, carried out before or not | the same |
| a batch of N commands, any of them with keys, new, recorded or duplicate | the same |
| a batch of N commands, up to 128, one of them poison | N + 1 round trips, N - 1 statements, 2 errors |
| a batch of N commands on the bus | 1 message, 1 confirm, 1 acknowledgement, 1 reply; 7 frames at each end |
| the same, for event streams | 1 hint of 15 + 56 N bytes, not confirmed: 3 frames; batches within 40 ms share one |
| its bodies, titles of 8 characters | 14 + 297 N bytes of commands, 14 + 277 N of outcomes at most |
| the same with keys | 13 N bytes more of commands, 16 more of each replayed outcome |
| its other bytes, either body twice through RabbitMQ | 784; so 1,988 for a lone create, 1,155 each for 128; no hint |
| JSON parsed for a batch of N reads | by the gateway none, by the task-reader 1 document |
| JSON parsed for a batch of N commands | by the gateway each body and 1 reply, by the task-writer 1 message |
| JSON parsed for a replayed creation | by the gateway 1 document more, the task, for its id |
| connections to PostgreSQL | none by the gateway, none at all once the pools are filled |
| the start of a service | task-reader 2 round trips, task-writer 3: each new connection is asked for its timeline |
| a task-reader's look at replication | 1 round trip every second on a replica, none on a primary |

A change that lowers a number lowers it here. One that raises a number has to say why it is worth it.
"""

from collections import Counter
from math import ceil

from tests.counts.sql_traffic import SqlTraffic

READER_START = SqlTraffic(connections=1, round_trips=2, statements=2)
"""With a pool of one: the server's timeline (ADR 29), and the check of the role. The role has the time zone."""

WRITER_START = SqlTraffic(connections=1, round_trips=4, statements=4)
"""The same, and the first clean-up of the command log: its slots, and its records."""

SCANS_OF_A_KNOWN_LIST = 0
"""Of the table of tasks, for a list whose revision the client or the task-reader has."""

UNCHANGED_LIST_MAX_BYTES = 120
"""Of the answer of PostgreSQL to the same, its revision with what the protocol puts around it."""

GATEWAY_SENDS = Counter(publish=1, header=1, body=1)
GATEWAY_RECEIVES = Counter(ack=1, deliver=1, header=1, body=1)
WRITER_RECEIVES = Counter(deliver=1, header=1, body=1)
WRITER_SENDS = Counter(ack=1, publish=2, header=2, body=2)
"""The frames of a batch, whatever its size: bodies of up to 128 KiB fit into one. The writer's second publish is the
hint for event streams (ADR 24): a row of its own in the table."""

HINT_BYTES = 15
"""Of the body of a hint, beside its users."""

HINT_USER_BYTES = 56
"""Of each user in it: id, revision and comma."""

HINT_OVERHEAD_BYTES = 77
"""Of a hint's frames beside its body."""

BATCH_BYTES = 14
"""Of the body of a batch of commands, or of its reply, beside the commands or outcomes."""

CREATE_BYTES = 297
"""Of a create_task without description, its title of 8 ASCII characters, and the comma; 32 name its request."""

KEYED_BYTES = 13
"""Of what a command with a key has more: `,"keyed":true`."""

REPLAYED_BYTES = 16
"""Of what a replayed outcome has more: `,"replayed":true`."""

OUTCOME_MAX_BYTES = 277
"""Of its outcome, and the comma; 28 of them tell the revision (ADR 18)."""

OVERHEAD_MAX_BYTES = 870
"""Of a batch, in all frames, beside the bodies: 784, of which 48 say when it left, so that the queue can be timed. The
address of a direct reply, which RabbitMQ makes, is a little longer where the node has a longer name."""


def reads(_: int) -> SqlTraffic:
    """Of any number of reads: one statement calls the function of each, or one for all."""
    return SqlTraffic(round_trips=1, statements=1)


def batch(size: int) -> SqlTraffic:
    """Of `size` commands: one statement for each 128 calls the function that looks up what may be recorded, and runs
    them."""
    transactions = ceil(size / 128)
    return SqlTraffic(round_trips=transactions, statements=transactions)


def spoiled(size: int) -> SqlTraffic:
    """Of `size` commands, the last one poison: all are run at once, and then each on its own."""
    return SqlTraffic(round_trips=1 + size, statements=size - 1, errors=2)
