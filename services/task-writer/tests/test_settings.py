"""The messages of the task-writer and its migrations about wrong settings."""

import pytest
from common.settings import load
from pydantic import SecretStr
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
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,two,three:5432,other/name?port=1,2"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,two/name?hostaddr=127.0.0.1,127.0.0.2,127.0.0.3"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,,three/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,/name"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,two/name?target_session_attrs=writable"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,two/name?target_session_attrs=standby"),
        ("WRITER_DATABASE_URL", f"postgresql://user:{PASSWORD}@one,two/name?target_session_attrs=prefer-standby"),
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


@pytest.mark.parametrize(
    "servers",
    [
        "one,two,three/name",
        "one,two,three:5432/name",
        "one:5432,two:5433,[::1]:5434/name",
        "one,two/name?target_session_attrs=read-write&load_balance_hosts=random",
        "one,two/name?hostaddr=127.0.0.1,127.0.0.2&target_session_attrs=primary&connect_timeout=2",
    ],
)
@pytest.mark.parametrize("settings_class", [WriterSettings, MigrationSettings])
def test_an_address_may_name_several_servers(
    monkeypatch: pytest.MonkeyPatch, settings_class: type[WriterSettings | MigrationSettings], servers: str
) -> None:
    for name in ("DATABASE_URL", "WRITER_DATABASE_URL", "READER_DATABASE_URL"):
        monkeypatch.setenv(name, f"postgresql://user:{PASSWORD}@{servers}")
    monkeypatch.setenv("RABBITMQ_URL", f"amqp://user:{PASSWORD}@host/name")

    assert load(settings_class).writer_database_url == SecretStr(f"postgresql://user:{PASSWORD}@{servers}")


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
