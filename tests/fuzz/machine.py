"""Draws requests, messages and their repeats; after each of them the API must hold what the model holds."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import httpx
from common.contracts.commands import CommandBatch
from common.contracts.outcomes import Outcome
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.contract.expectations import TASK_KEYS, assert_problem, assert_unprocessable
from tests.contract.pages import all_pages
from tests.contract.tasks import ALL, COMPLETE, CREATE, GET, LIST, PATCH, REPLACE, Operation, Task, list_all

from . import drawn_requests as draw
from .model import DrawnPage, DrawnRequest, Model, Recorded, Verb

type Deliver = Callable[[bytes], Sequence[Outcome]]
"""Publishes this message to the writer's queue; its reply."""

type TaskReference = tuple[int, str]
"""Whose task it is, as a place among the two users, and its id."""

STATUS = {verb: operation.success for verb, operation in draw.OPERATIONS.items()}
KEY_REUSED = "urn:taskwire:problem:idempotency-key-reused"
REPLAYED = "idempotency-replayed"

users = st.sampled_from([0, 1])
mostly_their_own = st.sampled_from([False, False, False, False, False, True])


class Api(RuleBasedStateMachine):
    """Two new users at a running system that others use, too."""

    tasks: Bundle[TaskReference] = Bundle("tasks")
    known_or_not = st.one_of(*[tasks] * 7, st.tuples(users, st.uuids().map(str)))

    def __init__(self, api: httpx.Client, deliver: Deliver) -> None:
        super().__init__()
        self.api, self.deliver = api, deliver
        self.users = (str(uuid4()), str(uuid4()))
        self.model = Model()
        self.delivered: list[tuple[bytes, Sequence[Outcome]]] = []

    @initialize(target=tasks)
    def begin(self) -> MultipleResults[TaskReference]:
        """A task of each user, with nothing at its default."""
        full: dict[str, Any] = {"title": "first", "description": "of all", "is_completed": True}
        return multiple(*((user, self.write_as(user, "create", **full)) for user in (0, 1)))

    @rule(
        target=tasks, user=users, title=draw.titles, description=draw.descriptions,
        is_completed=st.booleans(), spelled_out=st.booleans(),
    )  # fmt: skip
    def create(self, user: int, spelled_out: bool, **fields: Any) -> TaskReference:
        return user, self.write_as(user, "create", spelled_out=spelled_out, **fields)

    @rule(
        task=known_or_not, stranger=mostly_their_own, title=draw.titles, description=draw.descriptions,
        is_completed=st.booleans(), spelled_out=st.booleans(),
    )  # fmt: skip
    def replace(self, task: TaskReference, stranger: bool, spelled_out: bool, **fields: Any) -> None:
        self.write_as(task[0] ^ stranger, "replace", task_id=task[1], spelled_out=spelled_out, **fields)

    @rule(
        task=known_or_not, stranger=mostly_their_own, changed=draw.changed, title=draw.titles,
        description=draw.descriptions, is_completed=st.booleans(),
    )  # fmt: skip
    def patch(self, task: TaskReference, stranger: bool, **fields: Any) -> None:
        self.write_as(task[0] ^ stranger, "patch", task_id=task[1], **fields)

    @rule(task=known_or_not, stranger=mostly_their_own, done=draw.completions, spelled_out=st.booleans())
    def complete(self, task: TaskReference, stranger: bool, done: bool | None, spelled_out: bool) -> None:
        self.write_as(task[0] ^ stranger, "toggle", task_id=task[1], is_completed=done, spelled_out=spelled_out)

    @rule(task=known_or_not, stranger=mostly_their_own)
    def delete(self, task: TaskReference, stranger: bool) -> None:
        self.write_as(task[0] ^ stranger, "delete", task_id=task[1])

    @rule(task=known_or_not, stranger=mostly_their_own, spell=st.sampled_from([str.lower, str.upper]))
    def get(self, task: TaskReference, stranger: bool, spell: Callable[[str], str]) -> None:
        user_id = self.users[task[0] ^ stranger]
        response = self.api.get(GET.url(spell(user_id), spell(task[1])))
        expected = self.model.find(user_id, task[1])
        if expected is None:
            assert_problem(response, 404)
        else:
            assert (response.status_code, response.json()) == (200, expected)

    @rule(
        task=known_or_not, other=tasks, order=st.sampled_from(draw.ORDERS), limit=st.sampled_from([1, 2, 3, 1000]),
        done=draw.completions, after=st.booleans(), before=st.booleans(), q=draw.searches,
        part=st.booleans(),
    )  # fmt: skip
    def list_pages(self, task: TaskReference, other: TaskReference, limit: int, **drawn: Any) -> None:
        """Times are those of two tasks, and a search may be for a part of a title, where the user has them."""
        user_id = self.users[task[0]]
        one, two = (self.model.find(user_id, found) for found in (task[1], other[1]))
        wanted = DrawnPage(
            order=drawn["order"],
            is_completed=drawn["done"],
            created_after=one["created_at"] if one and drawn["after"] else None,
            created_before=two["created_at"] if two and drawn["before"] else None,
            q=one["title"][1:3].swapcase() or None if one and drawn["part"] else drawn["q"],
        )
        assert all_pages(self.api, user_id, limit=limit, **wanted.query()) == self.model.paged(user_id, wanted)

    @rule(task=tasks, bad=st.sampled_from(draw.BAD_QUERIES))
    def list_badly(self, task: TaskReference, bad: str) -> None:
        assert_problem(self.api.get(f"{LIST.url(self.users[task[0]], '')}?{bad}"), 400)

    @rule(operation=st.sampled_from(ALL), task=tasks, bad=st.sampled_from(draw.BAD_IDS), whose=st.booleans())
    def name_nothing(self, operation: Operation, task: TaskReference, bad: str, whose: bool) -> None:
        user_id, task_id = (bad, task[1]) if whose or operation in (LIST, CREATE) else (self.users[task[0]], bad)
        url = operation.url(user_id, task_id)
        answer = self.api.request(operation.method, url, json=operation.fields, headers=operation.headers)
        assert_problem(answer, 400)

    @rule(
        task=known_or_not,
        sent=st.one_of(
            st.tuples(st.sampled_from([CREATE, REPLACE]), st.sampled_from(draw.NO_TASKS)),
            st.tuples(st.just(PATCH), st.sampled_from(draw.NO_PATCHES)),
            st.tuples(st.just(COMPLETE), st.sampled_from(draw.NO_COMPLETIONS)),
        ),
    )
    def break_a_rule(self, task: TaskReference, sent: tuple[Operation, tuple[bytes, int]]) -> None:
        operation, (body, status) = sent
        url = operation.url(self.users[task[0]], task[1])
        response = self.api.request(operation.method, url, content=body, headers={"Content-Type": operation.media_type})
        if status == 422:
            assert_unprocessable(response)
        else:
            assert_problem(response, status)

    @rule(task=tasks, verb=st.sampled_from(list(STATUS)), bad=st.sampled_from(draw.BAD_KEYS))
    def send_no_key(self, task: TaskReference, verb: Verb, bad: str) -> None:
        asked = DrawnRequest(verb, self.users[task[0]], task[1], title="a")
        assert_problem(self.request(asked, key=bad), 400)

    @rule(
        target=tasks, key=draw.keys, task=known_or_not, verb=st.sampled_from(list(STATUS)), done=draw.completions,
        quoted=st.booleans(),
    )  # fmt: skip
    def write_under_a_key(
        self, key: str, task: TaskReference, verb: Verb, done: bool | None, quoted: bool
    ) -> TaskReference | MultipleResults[TaskReference]:
        """The first request under a key is carried out, later ones are refused unless they are the same."""
        user_id = self.users[task[0]]
        asked = {
            "create": DrawnRequest(verb, user_id, title="keyed", is_completed=bool(done)),
            "replace": DrawnRequest(verb, user_id, task[1], title="keyed", is_completed=bool(done)),
            "patch": DrawnRequest(verb, user_id, task[1], is_completed=done, changed=frozenset({"is_completed"})),
            "toggle": DrawnRequest(verb, user_id, task[1], is_completed=done),
            "delete": DrawnRequest(verb, user_id, task[1]),
        }[verb]
        recorded = self.model.keys.get((user_id, key))
        response = self.request(asked, key=in_quotes(key) if quoted else key)
        if recorded is None:
            made = self.check_write(asked, response)
            assert REPLAYED not in response.headers
            self.model.keys[user_id, key] = Recorded(
                asked, response.status_code, response.text, response.headers.get("location")
            )
            return (task[0], made) if verb == "create" else multiple()
        if recorded.asked == asked:
            assert_replayed(response, recorded)
        else:
            assert assert_problem(response, 422)["type"] == KEY_REUSED
        return multiple()

    @rule(which=st.integers(0, 99), quoted=st.booleans(), spelled_out=st.booleans())
    def send_again_under_its_key(self, which: int, quoted: bool, spelled_out: bool) -> None:
        """However the same request is spelled, and whatever has happened since: answered as the first time."""
        if not self.model.keys:
            return
        (_, key), recorded = list(self.model.keys.items())[which % len(self.model.keys)]
        response = self.request(recorded.asked, key=in_quotes(key) if quoted else key, spelled_out=spelled_out)
        assert_replayed(response, recorded)

    @rule(
        target=tasks,
        parts=st.lists(
            st.tuples(
                known_or_not, mostly_their_own, st.sampled_from(list(STATUS)), draw.titles, draw.completions,
                draw.changed,
            ),
            min_size=2, max_size=5,
        ),
    )  # fmt: skip
    def deliver_twice(
        self, parts: list[tuple[TaskReference, bool, Verb, str, bool | None, frozenset[str]]]
    ) -> MultipleResults[TaskReference]:
        """A batch on the writer's queue, as RabbitMQ delivers it, and once more: that changes nothing."""
        operations = [
            DrawnRequest(
                verb, self.users[task[0] ^ stranger], "" if verb == "create" else task[1], title, None, done, changed
            )
            for task, stranger, verb, title, done, changed in parts
        ]
        body = CommandBatch(commands=[draw.command_of(asked) for asked in operations]).model_dump_json().encode()

        outcomes = self.deliver(body)
        assert self.deliver(body) == outcomes

        made = [self.check_outcome(asked, outcome) for asked, outcome in zip(operations, outcomes, strict=True)]
        self.delivered.append((body, outcomes))
        return multiple(*((self.users.index(task["user_id"]), task["id"]) for task in made if task))

    @rule(which=st.integers(0, 99))
    def deliver_late_again(self, which: int) -> None:
        """Also when other writes came in between, a repeat changes nothing and is answered as before."""
        if self.delivered:
            body, outcomes = self.delivered[which % len(self.delivered)]
            assert self.deliver(body) == outcomes

    @invariant()
    def each_user_lists_their_own_tasks(self) -> None:
        for user_id in self.users:
            assert list_all(self.api, user_id) == self.model.listed(user_id)

    def write_as(self, user: int, verb: Verb, *, spelled_out: bool = False, **fields: Any) -> str:
        """Sends a write and checks its answer; the id of the task that it made, if it did."""
        asked = DrawnRequest(verb, self.users[user], **fields)
        return self.check_write(asked, self.request(asked, spelled_out=spelled_out))

    def request(self, asked: DrawnRequest, *, key: str | None = None, spelled_out: bool = False) -> httpx.Response:
        operation = draw.OPERATIONS[asked.verb]
        body = draw.body_of(asked, spelled_out=spelled_out)
        media_type = {} if body is None else {b"Content-Type": operation.media_type.encode()}
        headers = media_type | ({} if key is None else {b"Idempotency-Key": key.encode("latin-1")})
        return self.api.request(
            operation.method, operation.url(asked.user_id, asked.task_id), json=body, headers=headers
        )

    def check_write(self, asked: DrawnRequest, response: httpx.Response) -> str:
        created = None
        if asked.verb == "create":
            assert response.status_code == 201, response.text
            created = fresh(response.json())
            assert response.headers["location"] == GET.url(asked.user_id, created["id"])
        answer = self.model.carry_out(asked, created=created)
        if not answer.found:
            assert_problem(response, 404)
        elif answer.task is None:
            assert (response.status_code, response.content) == (204, b"")
        else:
            assert (response.status_code, response.json()) == (STATUS[asked.verb], answer.task)
        return created["id"] if created else ""

    def check_outcome(self, asked: DrawnRequest, outcome: Outcome) -> Task | None:
        """The task that the request has made, if it has."""
        task = json.loads(outcome.task) if outcome.task is not None else None
        answer = self.model.carry_out(asked, created=fresh(task) if asked.verb == "create" else None)
        assert (outcome.status, task) == ("done" if answer.found else "not_found", answer.task)
        return answer.task if asked.verb == "create" else None


def fresh(answered: Any) -> Task:
    """The new task in an answer: its keys, and the two values that the system has chosen."""
    assert set(answered) == TASK_KEYS
    assert datetime.fromisoformat(answered["created_at"]).utcoffset() == timedelta(0)
    return cast("Task", answered)


def in_quotes(key: str) -> str:
    """The key as a string of RFC 8941."""
    return '"' + key.replace("\\", "\\\\") + '"'


def assert_replayed(response: httpx.Response, recorded: Recorded) -> None:
    """Fails unless this is the recorded answer, byte for byte, and says that it is."""
    assert response.headers.get(REPLAYED) == "true"
    answered = (response.status_code, response.text, response.headers.get("location"))
    assert answered == (recorded.status, recorded.text, recorded.location)
