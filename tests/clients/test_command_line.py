"""The command `taskwire` against a real system: what it prints, and its exit statuses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from taskwire_client import Client, Task
from taskwire_client.cli.app import run

PROGRAM = Path(sys.executable).with_name("taskwire")


@dataclass(frozen=True)
class Done:
    """What a run of the command came to."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert (self.status, self.err) == (0, "")
        return json.loads(self.out)


type Taskwire = Callable[..., Done]


@pytest.fixture
def environment(gateway_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a user without tasks."""
    variables = {"TASKWIRE_URL": gateway_url, "TASKWIRE_USER": str(uuid4()), "NO_PROXY": "*"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def taskwire(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Taskwire:
    """The command, in this process."""

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["taskwire", *map(str, arguments)])
        status = run()
        return Done(status, *capsys.readouterr())

    return command


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[Client]:
    with httpx.Client(trust_env=False) as http:
        yield Client(environment["TASKWIRE_URL"], environment["TASKWIRE_USER"], http=http)


def test_a_task_from_its_creation_to_its_end(taskwire: Taskwire) -> None:
    task = taskwire("add", "Buy", "milk", "-d", "2 litres", "--json").json()
    short = task["id"][-8:]

    listed = taskwire("ls")
    assert listed.status == 0
    assert all(part in listed.out for part in (short, "Buy milk", "2 litres", "1 task, 0 done"))
    assert taskwire("edit", short, "-t", "Buy bread", "-d", "", "--json").json()["description"] is None
    assert taskwire("done", short).out == f"done    {short}  Buy bread\n"
    assert taskwire("ls").out == "No tasks.\n"
    assert [one["title"] for one in taskwire("ls", "-s", "done", "--json").json()] == ["Buy bread"]
    assert not taskwire("done", short, "--undo", "--json").json()[0]["is_completed"]
    assert task["id"] in taskwire("show", short).out
    assert taskwire("show", task["id"].upper(), "--json").json()["title"] == "Buy bread"
    assert taskwire("rm", short).out == f"deleted {short}\n"
    assert taskwire("ls", "--json").json() == []


def test_a_list_is_cut_sorted_and_searched(taskwire: Taskwire, client: Client) -> None:
    for title in ("Zoë's bread", "Buy milk", "Milk the cow"):
        client.create(title)

    def titles(*arguments: str) -> list[str]:
        return [task["title"] for task in taskwire(*arguments, "--json").json()]

    assert titles("ls") == ["Milk the cow", "Buy milk", "Zoë's bread"]
    assert titles("ls", "--sort", "title", "-n", "2") == ["Buy milk", "Milk the cow"]
    assert titles("ls", "--sort", "oldest", "-n", "1") == ["Zoë's bread"]
    assert titles("search", "MILK") == ["Milk the cow", "Buy milk"]
    assert titles("search", "zoË") == ["Zoë's bread"]
    assert titles("search", "%") == []


def test_an_id_that_is_not_clear_is_refused(taskwire: Taskwire, client: Client) -> None:
    tasks = [client.create(f"task {number}") for number in range(17)]  # with 16 last digits

    several = taskwire("rm", next(digit for digit in "0123456789abcdef" if _ends(tasks, digit) > 1))
    none = taskwire("show", str(uuid4()))
    no_prefix = taskwire("done", "ffffffff-ffff", tasks[0].id)

    assert several.status == none.status == no_prefix.status == 3
    assert "tasks have an id that begins or ends with" in several.err
    assert none.err == "error: The user has no task with this id.\n"
    assert "no task whose id begins or ends with ffffffff-ffff" in no_prefix.err
    assert taskwire("show", "milk").status == 2
    assert [task.is_completed for task in client.tasks()] == [False] * 17


def _ends(tasks: list[Task], digit: str) -> int:
    return sum(str(task.id).endswith(digit) for task in tasks)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["add", " "], 1, "error: title: Text must not be blank\n"),
        (["add", "x" * 256], 1, "error: title: "),
        (["--user", "somebody", "ls"], 2, "user"),
        (["--url", "nowhere", "ls"], 2, "not an address"),
        (["--url", "", "ls"], 2, "TASKWIRE_URL"),
        (["--user", "", "ls"], 2, "TASKWIRE_USER"),
        (["--url", "http://127.0.0.1:1", "--patience", "0", "ls"], 5, "error: no answer from the gateway"),
        (["edit", "0"], 2, "--title"),
        (["nothing"], 2, "No such command"),
        (["ls", "--limit", "0"], 2, "limit"),
        (["import", "missing.json"], 2, "error: missing.json: No such file"),
        (["import", "tasks.txt"], 2, "--format"),
        (["export", "/nowhere/tasks.csv"], 2, "error: /nowhere/tasks.csv: No such file"),
    ],
)
def test_an_error_is_a_line_and_a_status(taskwire: Taskwire, arguments: list[str], status: int, said: str) -> None:
    done = taskwire(*arguments)

    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("form", ["json", "csv", "ics"])
def test_what_is_exported_is_imported_as_it_was(
    taskwire: Taskwire, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    for title in ("=1+1", "a\nb", "🥛 \u202eRTL שלום", "'\"`,;\\", "x" * 255, "-"):
        client.complete(client.create(title, description=title * 7).id, is_completed=title == "-")
    client.create("without")
    client.create("empty", description="")
    file = tmp_path / f"tasks.{form}"

    exported = taskwire("export", file)
    monkeypatch.setenv("TASKWIRE_USER", str(uuid4()))
    imported = taskwire("import", file)
    there = taskwire("ls", "-s", "all", "--json").json()

    assert (exported.status, exported.err) == (0, f"8 tasks written to {file}\n")
    assert (imported.status, imported.err) == (0, "8 tasks created\n")
    assert [(task["title"], task["description"], task["is_completed"]) for task in there] == [
        (task.title, task.description, task.is_completed) for task in client.tasks()
    ]


def test_an_import_of_many_tasks_is_done_in_batches(taskwire: Taskwire, tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps([{"title": f"task {number}"} for number in range(1100)]))

    assert taskwire("import", file).err == "1,100 tasks created\n"
    assert len(taskwire("ls", "--json").json()) == 1100


def test_an_import_that_is_refused_says_which_task(taskwire: Taskwire, tmp_path: Path) -> None:
    file = tmp_path / "tasks.csv"
    file.write_text("title\nmilk\n \nbread\n")

    done = taskwire("import", file)

    assert done.status == 1
    assert "task 2 title: Text must not be blank" in done.err
    assert "0 of 3 tasks were created" in done.err


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Programs heed SIGINT, also where these tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_the_program_watches_until_it_is_interrupted(environment: dict[str, str], client: Client) -> None:
    with subprocess.Popen(
        [PROGRAM, "watch", "--json"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        began = json.loads(program.stdout.readline())
        task = client.create("milk")
        told = json.loads(program.stdout.readline())
        client.delete(task.id)
        gone = json.loads(program.stdout.readline())
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=20)

    assert (program.returncode, out, err) == (0, "", "")
    assert (began["is_reset"], began["changed"]) == (True, [])
    assert [one["title"] for one in told["changed"]] == ["milk"]
    assert gone["deleted"] == [str(task.id)]


def test_it_reads_standard_input_and_writes_standard_output(environment: dict[str, str], client: Client) -> None:
    tasks = json.dumps([{"title": "milk"}])

    subprocess.run(
        [PROGRAM, "import", "-"], env=os.environ | environment, input=tasks, text=True, check=True, timeout=30
    )
    done = subprocess.run(
        [PROGRAM, "export", "-f", "csv"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    (task,) = client.tasks()
    assert done.stdout.splitlines()[1] == f'"{task.id}","{task.created_at.isoformat()}","false","milk",'


def test_a_shell_can_complete_it(environment: dict[str, str]) -> None:
    variables = (
        os.environ
        | environment
        | {"_TASKWIRE_COMPLETE": "complete_bash", "COMP_WORDS": "taskwire e", "COMP_CWORD": "1"}
    )

    done = subprocess.run([PROGRAM], env=variables, capture_output=True, text=True, check=False, timeout=30)

    assert done.stdout.split() == ["edit", "export"]
