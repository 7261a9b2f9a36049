"""Draws requests, messages and their repeats; after each of them the API must hold what the model holds."""

import json
from collections.abc import Callable, Mapping, Sequence
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
from tests.contract.tasks import ALL, BATCH, CHANGES, COMPLETE, CREATE, GET, LIST, PATCH, REPLACE, Operation, Task

from . import drawn_requests as draw
from .copies import Copies
from .model import DrawnPage, DrawnRequest, Model, Recorded, Verb
from .revisions import Condition, Revisions, holds, revision_in

type Headers = Mapping[str, str]

type Deliver = Callable[[bytes], Sequence[Outcome]]
"""Publishes this message to the writer's queue; its reply."""

type TaskReference = tuple[int, str]
"""Whose task it is, as a place among the two users, and its id."""

STATUS = {verb: operation.success for verb, operation in draw.OPERATIONS.items()}
CONDITIONS: list[Condition] = ["current", "weak", "stale", "foreign", "any"]
NO_HEADERS: Headers = {}
KEY_REUSED = "urn:taskwire:problem:idempotency-key-reused"
REPLAYED = "idempotency-replayed"

users = st.sampled_from([0, 1])
conditions = st.sampled_from(["If-Match", "If-None-Match"])
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
        self.revisions = Revisions()
        self.copies = tuple(map(Copies, self.users))
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
            assert revision_in(response.headers) == self.revisions.of_task[task[1]]

    @rule(
        task=known_or_not, stranger=mostly_their_own, header=conditions, condition=st.sampled_from(CONDITIONS),
        verb=st.sampled_from(["replace", "patch", "toggle", "delete"]),
    )  # fmt: skip
    def write_if(self, task: TaskReference, stranger: bool, header: str, condition: Condition, verb: Verb) -> None:
        """A write under a condition: 404 first, then 412 with the entity tag that the task has, then as without."""
        title = frozenset({"title"}) if verb == "patch" else frozenset[str]()
        asked = DrawnRequest(verb, self.users[task[0] ^ stranger], task[1], title="if", changed=title)
        there = self.model.find(asked.user_id, task[1]) is not None
        response = self.request(asked, headers={header: self.revisions.tag(task[1], condition)})
        if there and not holds(header, condition):
            assert_problem(response, 412)
            assert revision_in(response.headers) == self.revisions.of_task[task[1]]
        else:
            self.check_write(asked, response)

    @rule(task=known_or_not, stranger=mostly_their_own, condition=st.sampled_from(CONDITIONS))
    def get_unless_known(self, task: TaskReference, stranger: bool, condition: Condition) -> None:
        user_id = self.users[task[0] ^ stranger]
        tag = self.revisions.tag(task[1], condition)
        response = self.api.get(GET.url(user_id, task[1]), headers={"If-None-Match": tag})
        expected = self.model.find(user_id, task[1])
        if expected is None:
            assert_problem(response, 404)
        elif holds("If-None-Match", condition):
            assert (response.status_code, response.json()) == (200, expected)
        else:
            assert (response.status_code, response.content) == (304, b"")

    @rule(user=users)
    def list_unless_known(self, user: int) -> None:
        tag = f'"1-{self.revisions.of_user.get(self.users[user], 0)}"'
        response = self.api.get(LIST.url(self.users[user], ""), headers={"If-None-Match": tag})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)

    @rule(task=known_or_not, whole_list=st.booleans(), ahead=st.sampled_from([-1, 0, 0, 1]), quoted=st.booleans())
    def read_at_least(self, task: TaskReference, whole_list: bool, ahead: int, quoted: bool) -> None:
        """A read that names a revision is as without once the user has it; one that nobody has is 412."""
        user_id = self.users[task[0]]
        revision = max(0, self.revisions.of_user.get(user_id, 0) + ahead)
        url = LIST.url(user_id, "") if whole_list else GET.url(user_id, task[1])
        response = self.api.get(url, headers={"Min-Revision": f'"1-{revision}"' if quoted else f"{revision}"})
        if ahead > 0:
            assert_problem(response, 412)
        elif whole_list:
            assert (response.status_code, response.json()) == (200, self.model.listed(user_id))
        elif (expected := self.model.find(user_id, task[1])) is None:
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

    @rule(user=users, back=st.one_of(st.none(), st.integers(0, 9)))
    def sync(self, user: int, back: int | None) -> None:
        """Changes since any revision make the copy of then the list of now."""
        copy = self.copies[user].sync(self.api, back)
        assert copy == {task["id"]: task for task in self.model.listed(self.users[user])}

    @rule(operation=st.sampled_from(ALL), task=tasks, bad=st.sampled_from(draw.BAD_IDS), whose=st.booleans())
    def name_nothing(self, operation: Operation, task: TaskReference, bad: str, whose: bool) -> None:
        user_id, task_id = (
            (bad, task[1]) if whose or operation in (LIST, CREATE, CHANGES, BATCH) else (self.users[task[0]], bad)
        )
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
            self.model.keys[user_id, key] = Recorded(asked, *answer_of(response))
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

    @rule(
        target=tasks, user=users, key=st.one_of(st.none(), st.uuids().map(str)), spelled_out=st.booleans(),
        parts=st.lists(
            st.tuples(
                known_or_not, st.sampled_from(list(STATUS)), draw.titles, draw.completions, draw.changed,
                st.sampled_from([None, None, None, *CONDITIONS]),
            ),
            min_size=1, max_size=6,
        ),
    )  # fmt: skip
    def send_batch(
        self, user: int, key: str | None, spelled_out: bool,
        parts: list[tuple[TaskReference, Verb, str, bool | None, frozenset[str], Condition | None]],
    ) -> MultipleResults[TaskReference]:  # fmt: skip
        """Each operation has the result that it would have alone, after those before it; under its key, once."""
        operations = [
            DrawnRequest(verb, self.users[user], "" if verb == "create" else task[1], title, None, done, changed)
            for task, verb, title, done, changed, _ in parts
        ]
        tags = [
            self.revisions.tag(task[1], condition) if condition is not None and verb != "create" else None
            for task, verb, *_, condition in parts
        ]
        given = [{} if tag is None else {"if_match": tag} for tag in tags]
        written = [draw.operation_of(asked, spelled_out=spelled_out) for asked in operations]
        body = {"operations": [{**one, **condition} for one, condition in zip(written, given, strict=True)]}
        headers = {} if key is None else {"Idempotency-Key": key}

        answers = [
            self.api.post(BATCH.url(self.users[user], ""), json=body, headers=headers) for _ in range(2 if key else 1)
        ]

        results = answers[0].json()["results"]
        assert [(answer.status_code, answer.json()["results"]) for answer in answers] == [(200, results)] * len(answers)
        assert [answer.headers.get(REPLAYED) for answer in answers] == [None, "true"][: len(answers)]
        made = [self.check_result(*one) for one in zip(operations, tags, results, strict=True)]
        return multiple(*((user, task_id) for task_id in made if task_id))

    @rule(which=st.integers(0, 99))
    def deliver_late_again(self, which: int) -> None:
        """Also when other writes came in between, a repeat changes nothing and is answered as before."""
        if self.delivered:
            body, outcomes = self.delivered[which % len(self.delivered)]
            assert self.deliver(body) == outcomes

    @invariant()
    def each_user_lists_their_own_tasks(self) -> None:
        for user_id in self.users:
            response = self.api.get(LIST.url(user_id, ""))
            assert (response.status_code, response.json()) == (200, self.model.listed(user_id))
            revision = revision_in(response.headers)
            assert revision is not None
            self.revisions.listed(user_id, revision)

    def write_as(self, user: int, verb: Verb, *, spelled_out: bool = False, **fields: Any) -> str:
        """Sends a write and checks its answer; the id of the task that it made, if it did."""
        asked = DrawnRequest(verb, self.users[user], **fields)
        return self.check_write(asked, self.request(asked, spelled_out=spelled_out))

    def request(
        self, asked: DrawnRequest, *, key: str | None = None, spelled_out: bool = False, headers: Headers = NO_HEADERS
    ) -> httpx.Response:
        operation = draw.OPERATIONS[asked.verb]
        body = draw.body_of(asked, spelled_out=spelled_out)
        given = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        if body is not None:
            given[b"Content-Type"] = operation.media_type.encode()
        if key is not None:
            given[b"Idempotency-Key"] = key.encode("latin-1")
        return self.api.request(operation.method, operation.url(asked.user_id, asked.task_id), json=body, headers=given)

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
        self.revisions.wrote(asked.user_id, answer, revision_in(response.headers))
        return created["id"] if created else ""

    def check_result(self, asked: DrawnRequest, tag: str | None, result: dict[str, Any]) -> str:
        """Checks the result of an operation in a batch; the id of the task that it made, if it did."""
        there = self.model.find(asked.user_id, asked.task_id) is not None
        if tag is not None and there and not self.revisions.match(asked.task_id, tag):
            assert (result["status"], result["problem"]["status"]) == (412, 412)
            assert revision_in(result) == self.revisions.of_task[asked.task_id]
            return ""
        created = fresh(result["task"]) if asked.verb == "create" else None
        answer = self.model.carry_out(asked, created=created)
        status = STATUS[asked.verb] if answer.found else 404
        assert (result["status"], result.get("task")) == (status, answer.task)
        assert ("problem" in result) is not answer.found
        self.revisions.wrote(asked.user_id, answer, revision_in(result))
        return created["id"] if created else ""

    def check_outcome(self, asked: DrawnRequest, outcome: Outcome) -> Task | None:
        """The task that the request has made, if it has."""
        task = json.loads(outcome.task) if outcome.task is not None else None
        answer = self.model.carry_out(asked, created=fresh(task) if asked.verb == "create" else None)
        assert (outcome.status, task) == ("done" if answer.found else "not_found", answer.task)
        self.revisions.wrote(asked.user_id, answer, outcome.revision)
        return answer.task if asked.verb == "create" else None


def fresh(answered: Any) -> Task:
    """The new task in an answer: its keys, and the two values that the system has chosen."""
    assert set(answered) == TASK_KEYS
    assert datetime.fromisoformat(answered["created_at"]).utcoffset() == timedelta(0)
    return cast("Task", answered)


def answer_of(response: httpx.Response) -> tuple[int, str, str | None, str | None]:
    """What a replay repeats: status, body, Location and entity tag."""
    headers = response.headers
    return response.status_code, response.text, headers.get("location"), headers.get("etag")


def in_quotes(key: str) -> str:
    """The key as a string of RFC 8941."""
    return '"' + key.replace("\\", "\\\\") + '"'


def assert_replayed(response: httpx.Response, recorded: Recorded) -> None:
    """Fails unless this is the recorded answer, byte for byte, and says that it is."""
    assert response.headers.get(REPLAYED) == "true"
    assert Recorded(recorded.asked, *answer_of(response)) == recorded
