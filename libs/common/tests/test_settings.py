"""Settings come from the environment, report all faults together, and never show secrets."""

from pathlib import Path
from typing import Literal

import pytest
from common.bus.broker import connection_urls
from common.settings import BusSettings, DatabaseSettings, HttpSettings, ServiceSettings, load
from pydantic import Field, SecretStr, ValidationError

ALL = (ServiceSettings, HttpSettings, DatabaseSettings, BusSettings)


class Sample(ServiceSettings):
    """Settings of no service."""

    sample_size: int
    sample_url: SecretStr
    sample_pair: tuple[int, int] = Field((1, 2))
    sample_kind: Literal["small", "large"] = "small"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any of the variables."""
    for settings_class in (*ALL, Sample):
        for name in settings_class.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)


def complaint(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said on standard error before the process exits with status 2."""
    with pytest.raises(SystemExit) as exit_info:
        load(Sample)
    assert exit_info.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_each_setting_is_the_variable_of_its_name_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "3")
    monkeypatch.setenv("SAMPLE_URL", "amqp://host/")

    settings = load(Sample)

    assert (settings.sample_size, settings.sample_url.get_secret_value()) == (3, "amqp://host/")


def test_all_faults_are_named_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SAMPLE_PAIR", '[1, "two"]')
    monkeypatch.setenv("SAMPLE_KIND", "huge")

    lines = complaint(capsys)

    assert [line.partition(":")[0] for line in lines[:-1]] == [
        "SAMPLE_SIZE",
        "SAMPLE_URL",
        "SAMPLE_PAIR",
        "SAMPLE_KIND",
    ]


def test_a_complaint_ends_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert "docs/configuration.md" in complaint(capsys)[-1]


@pytest.mark.parametrize(
    ("name", "value"), [("SAMPLE_SIZE", "s3cret"), ("SAMPLE_KIND", "s3cret"), ("SAMPLE_URL", "s3cret")]
)
def test_a_complaint_repeats_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert "s3cret" not in "\n".join(complaint(capsys))


def test_a_secret_is_not_shown_with_the_settings() -> None:
    settings = Sample(sample_size=1, sample_url=SecretStr("amqp://user:s3cret@host/"))

    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_an_error_repeats_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"sample_size": "s3cret", "sample_url": "amqp://host/"})

    assert "s3cret" not in str(caught.value)


def test_settings_do_not_change() -> None:
    settings = Sample(sample_size=1, sample_url=SecretStr("amqp://host/"))

    with pytest.raises(ValidationError):
        settings.sample_size = 2  # type: ignore[misc]


@pytest.mark.parametrize("settings_class", ALL)
def test_every_setting_says_what_it_is_for(settings_class: type[ServiceSettings]) -> None:
    assert [name for name, field in settings_class.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("settings_class", ALL)
def test_no_address_and_no_secret_has_a_default(settings_class: type[ServiceSettings]) -> None:
    fields = settings_class.model_fields.items()
    must_be_given = {name for name, field in fields if name.endswith(("_url", "_password")) or name == "port"}

    assert {name for name in must_be_given if not settings_class.model_fields[name].is_required()} == set()


def test_a_ca_without_tls_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()

    with pytest.raises(ValidationError, match="RABBITMQ_CA_FILE needs amqps://"):
        BusSettings(rabbitmq_url=SecretStr("amqp://host/"), rabbitmq_ca_file=tmp_path / "ca.pem")


def test_a_ca_is_for_every_node_of_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    nodes = SecretStr("amqps://user:s3cret@one/, amqps://user:s3cret@two:5673/")

    urls = connection_urls(BusSettings(rabbitmq_url=nodes, rabbitmq_ca_file=tmp_path / "ca.pem"), "name")

    assert {(url.host, url.port) for url in urls} == {("one", None), ("two", 5673)}
    assert {url.query["cafile"] for url in urls} == {str(tmp_path / "ca.pem")}


def test_a_ca_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="does not point to a file"):
        BusSettings(rabbitmq_url=SecretStr("amqps://host/"), rabbitmq_ca_file=tmp_path / "ca.pem")


def test_a_complaint_is_in_our_own_words_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in BusSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("RABBITMQ_URL", "http://user:s3cret@host/")

    with pytest.raises(SystemExit):
        load(BusSettings)

    said = capsys.readouterr().err
    assert said.startswith("RABBITMQ_URL: must ")
    assert "s3cret" not in said
