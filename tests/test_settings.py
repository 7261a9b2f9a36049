"""Every service rejects an unusable number at startup, and names it."""

import pytest
from common.settings import ServiceSettings
from gateway.settings import GatewaySettings
from pydantic import ValidationError
from task_reader.settings import ReaderSettings
from task_writer.settings import DeadLetterSettings, MigrationSettings, WriterSettings

PROGRAMS = (GatewaySettings, ReaderSettings, WriterSettings, DeadLetterSettings, MigrationSettings)
NEEDED = {
    "RABBITMQ_URL": "amqp://user:s3cret@host/",
    "READER_URL": "http://host:1",
    "PORT": "1",
    "DATABASE_URL": "postgresql://user:s3cret@host/tasks",
    "WRITER_DATABASE_URL": "postgresql://user:s3cret@host/tasks",
    "READER_DATABASE_URL": "postgresql://user:s3cret@host/tasks",
}
UNUSABLE = ["-1", "nan", "inf", "-inf", "1e400", "9" * 30, "9" * 400, "many"]

NUMBERS = [
    (program, name)
    for program in PROGRAMS
    for name, field in program.model_fields.items()
    if isinstance(field.default, int | float) and not isinstance(field.default, bool)
]
NUMBERS += [(GatewaySettings, "user_requests_per_s"), (GatewaySettings, "address_requests_per_s")]
NUMBERS += [(program, "admin_port") for program in (GatewaySettings, ReaderSettings, WriterSettings)]
FILES = [(program, "rabbitmq_ca_file") for program in (GatewaySettings, WriterSettings, DeadLetterSettings)]


def refused(monkeypatch: pytest.MonkeyPatch, program: type[ServiceSettings], name: str, value: str) -> str:
    """What is said of the value; fails when it is taken."""
    for variable in program.model_fields:
        monkeypatch.delenv(variable.upper(), raising=False)
    for variable, usable in NEEDED.items():
        monkeypatch.setenv(variable, usable)
    program()  # without it all is well
    monkeypatch.setenv(name.upper(), value)
    with pytest.raises(ValidationError) as caught:
        program()
    assert {fault["loc"] for fault in caught.value.errors()} == {(name,)}
    return str(caught.value)


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize(("program", "name"), NUMBERS)
def test_a_number_that_is_of_no_use_is_refused_under_its_name(
    monkeypatch: pytest.MonkeyPatch, program: type[ServiceSettings], name: str, value: str
) -> None:
    assert "s3cret" not in refused(monkeypatch, program, name, value)


@pytest.mark.parametrize("value", ["9" * 400, "/", "/nowhere/ca.pem"])
@pytest.mark.parametrize(("program", "name"), FILES)
def test_a_file_that_cannot_be_read_is_refused_under_its_name(
    monkeypatch: pytest.MonkeyPatch, program: type[ServiceSettings], name: str, value: str
) -> None:
    assert "does not point to a file" in refused(monkeypatch, program, name, value)
