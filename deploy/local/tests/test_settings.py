import pytest
from local_stack.settings import load, server_environment, service_environment


def test_every_faulty_variable_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://user:secret@host/db")
    monkeypatch.setenv("RABBITMQ_URL", "http://host")
    monkeypatch.setenv("GATEWAY_PORT", "http")

    with pytest.raises(SystemExit) as stopped:
        load()

    said = capsys.readouterr().err
    assert stopped.value.code == 1
    assert {line.split(":")[0] for line in said.splitlines()} == {"DATABASE_URL", "RABBITMQ_URL", "GATEWAY_PORT"}
    assert "secret" not in said


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("GATEWAY_PORT", "")

    settings = load()

    assert settings.database_url is None
    assert settings.gateway_port == 8000


def test_services_get_the_callers_environment_without_the_owners_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@host/db")
    monkeypatch.setenv("LOG_LEVEL", "debug")

    environment = service_environment()

    assert environment["LOG_LEVEL"] == "debug"
    assert "DATABASE_URL" not in environment


def test_servers_do_not_see_what_is_meant_for_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("RABBITMQ_NODENAME", "other@localhost")

    environment = server_environment()

    assert "PATH" in environment
    assert not {"PGPORT", "RABBITMQ_NODENAME"} & environment.keys()
