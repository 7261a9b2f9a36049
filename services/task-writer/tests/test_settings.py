"""The messages of the task-writer and its migrations about wrong settings."""

import pytest
from common.settings import load
from task_writer.cli import main
from task_writer.settings import MigrationSettings, WriterSettings

PASSWORD = "p4ssw0rd"  # noqa: S105 - of no server


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any variable that the task-writer reads."""
    for name in [*WriterSettings.model_fields, *MigrationSettings.model_fields]:
        monkeypatch.delenv(name.upper(), raising=False)


def complaint(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the command says on standard error before it exits with status 2."""
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ([], {"WRITER_DATABASE_URL", "RABBITMQ_URL"}),
        (["run"], {"WRITER_DATABASE_URL", "RABBITMQ_URL"}),
        (["migrate"], {"DATABASE_URL"}),
    ],
)
def test_all_missing_variables_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], missing: set[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["task-writer", *arguments])

    lines = complaint(capsys)

    assert {line.partition(":")[0] for line in lines[:-1]} == missing


def test_an_unknown_action_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["task-writer", "drop"])

    assert "drop" in complaint(capsys)[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONCURRENT_BATCHES", "0"),
        ("CONCURRENT_BATCHES", "16"),
        ("COMMAND_LOG_RETENTION_H", "0.5"),
        ("COMMAND_LOG_CLEANUP_INTERVAL_S", "0"),
        ("POOL_SIZE", "many"),
        ("WRITER_DATABASE_URL", f"postgres//user:{PASSWORD}@host/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@host:port/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@host:0/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@host:5432,other:70000/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@host/name?port=x"),
        ("RABBITMQ_URL", f"amqp//user:{PASSWORD}@host/"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named_and_no_password_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setattr("sys.argv", ["task-writer"])
    monkeypatch.setenv(name, value)

    complaints = "\n".join(complaint(capsys))
    assert (f"{name}: " in complaints, PASSWORD in complaints) == (True, False)


def test_no_password_is_shown_with_another_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["task-writer"])
    monkeypatch.setenv("WRITER_DATABASE_URL", f"postgresql://taskwire_writer:{PASSWORD}@db/taskwire")

    assert PASSWORD not in "\n".join(complaint(capsys))


@pytest.mark.parametrize("settings_class", [WriterSettings, MigrationSettings])
def test_no_password_is_shown_with_the_settings(
    monkeypatch: pytest.MonkeyPatch, settings_class: type[WriterSettings | MigrationSettings]
) -> None:
    for name in ("DATABASE_URL", "WRITER_DATABASE_URL", "READER_DATABASE_URL"):
        monkeypatch.setenv(name, f"postgresql://user:{PASSWORD}@host/name")
    monkeypatch.setenv("RABBITMQ_URL", f"amqp://user:{PASSWORD}@host/name")

    assert PASSWORD not in repr(load(settings_class))
