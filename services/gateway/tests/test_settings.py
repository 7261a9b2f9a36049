"""The gateway's messages about wrong settings."""

import re

import pytest
from common.settings import load
from gateway.settings import GatewaySettings

REQUIRED = {
    "PORT": "8000",
    "READER_URL": "http://127.0.0.1:8001",
    "RABBITMQ_URL": "amqp://user:p4ssw0rd@127.0.0.1/",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with exactly the variables that the gateway needs."""
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What the gateway says on standard error before it exits with status 2."""
    with pytest.raises(SystemExit) as exit_info:
        load(GatewaySettings)
    assert exit_info.value.code == 2
    return capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_addresses_and_port_are_all_it_needs() -> None:
    settings = load(GatewaySettings)

    assert (settings.port, str(settings.reader_url)) == (8000, "http://127.0.0.1:8001/")


def test_a_list_is_written_as_json(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ORIGINS", '["https://app.example"]')

    assert load(GatewaySettings).cors_origins == ["https://app.example"]


def test_all_missing_variables_are_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in REQUIRED:
        environment.delenv(name)

    lines = complaint(capsys).splitlines()

    assert {line.partition(":")[0] for line in lines[:-1]} == set(REQUIRED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("READER_URL", "task-reader"),
        ("READER_URL", "ftp://task-reader"),
        ("WRITE_DEADLINE_S", "0"),
        ("BUS_MAX_BATCH", "0"),
        ("BUS_MAX_IN_FLIGHT", "-1"),
        ("LOG_LEVEL", "loud"),
        ("CORS_ORIGINS", "https://app.example"),
        ("CORS_ORIGINS", "[1]"),
        ("CORS_ORIGINS", '["https://app.example/"]'),
        ("CORS_ORIGINS", '["https://app.example", "https://App.example"]'),
        ("CORS_ORIGINS", '["app.example"]'),
        ("READER_URL", "http://task-reader:8001/reads"),
        ("READER_URL", "http://task-reader:8001/?x=1"),
        ("READER_URL", "http://task-reader:8001/#x"),
        ("READER_URL", "http://user:s3cret@task-reader:8001"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:s3cret@tempo:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://tempo:4318?key=s3cret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://tempo:4318/#s3cret"),
        ("AUTH_JWKS_URL", "http://issuer.example/keys"),
        ("AUTH_JWKS_URL", "http://10.0.0.1/keys"),
        ("AUTH_JWKS_URL", "http://[2001:db8::1]/keys"),
        ("AUTH_JWKS_URL", "http://127.0.0.1.issuer.example/keys"),
        ("AUTH_JWKS_URL", "https://user:s3cret@issuer.example/keys"),
        ("AUTH_JWKS_URL", "https://issuer.example/keys#s3cret"),
        ("AUTH_USER_CLAIM", 'a"b'),
        ("AUTH_USER_CLAIM", "a\\b"),
        ("AUTH_USER_CLAIM", "größe"),
        ("AUTH_USER_CLAIM", "a b"),
        ("AUTH_USER_CLAIM", "a\tb"),
        ("AUTH_USER_CLAIM", "a\n"),
        ("RABBITMQ_URL", "rabbitmq"),
        ("RABBITMQ_URL", "http://user:s3cret@rabbitmq/"),
        ("RABBITMQ_URL", "amqp://"),
        ("RABBITMQ_URL", "amqp://user:s3cret@/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@rabbitmq:port/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@rabbitmq:99999/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one,two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one:5672,two:5672/"),
        ("RABBITMQ_URL", "amqp://user:s3#cret@rabbitmq/"),
        ("RABBITMQ_URL", "amqp://user:s3/cret@rabbitmq/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@rabbitmq/#x"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,two"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,http://user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/ amqp://user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/;amqp://user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,"),
        ("RABBITMQ_URL", ",amqp://user:s3cret@one/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,,amqp://user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://user:s3cret@two:port/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqps://user:s3cret@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://user:s3cret@two/stage"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://user:other@two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://two/"),
        ("RABBITMQ_URL", "amqp://user:s3cret@one/,amqp://user:s3cret@two/?heartbeat=1"),
    ],
)
def test_a_wrong_value_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    environment.setenv(name, value)

    message = complaint(capsys)

    assert f"{name}: " in message
    assert not re.search(r"s3|cret|example|rabbitmq[^_]", message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("READER_URL", "http://task-reader:8001/"),
        ("READER_URL", "https://[::1]:8001"),
        ("AUTH_JWKS_URL", "https://issuer.example/keys?policy=1"),
        ("AUTH_JWKS_URL", "http://127.0.0.1:8080/keys"),
        ("AUTH_JWKS_URL", "http://127.1.2.3/keys"),
        ("AUTH_JWKS_URL", "http://[::1]/keys"),
        ("AUTH_JWKS_URL", "http://LocalHost/keys"),
        ("AUTH_USER_CLAIM", "https://taskwire.example/user_id"),
        ("AUTH_USER_CLAIM", "custom:user"),
        ("RABBITMQ_URL", "amqp://user:p%23w%2Fd@rabbitmq:5672/%2Fstage"),
        ("RABBITMQ_URL", "amqps://rabbitmq"),
        ("RABBITMQ_URL", "amqp://user:p4ssw0rd@[::1]:5672//"),
        ("RABBITMQ_URL", "amqp://user:p4ss,w0rd@rabbitmq/one%2Ctwo"),
        ("RABBITMQ_URL", "amqp://user:p4ssw0rd@one:5672/,amqp://user:p4ssw0rd@[::1]:5673/"),
        (
            "RABBITMQ_URL",
            "amqps://user:p4,ss@one/stage,\n  amqps://user:p4,ss@two:5671/stage , amqps://user:p4,ss@one/stage",
        ),
        ("CORS_ORIGINS", '["*", "null", "http://localhost:3000", "capacitor://localhost"]'),
    ],
)
def test_an_address_or_name_that_works_is_taken(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)

    load(GatewaySettings)


def test_no_password_is_shown_with_another_fault(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("PORT")

    assert "p4ssw0rd" not in complaint(capsys)


@pytest.mark.usefixtures("environment")
def test_no_password_is_shown_with_the_settings() -> None:
    assert "p4ssw0rd" not in repr(load(GatewaySettings))


WHOLE = {"AUTH_JWKS_URL": "https://issuer.example/keys", "AUTH_ISSUER": "https://issuer.example", "AUTH_AUDIENCE": "a"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"AUTH_JWKS_URL": ""}, "AUTH_MODE=jwt needs either AUTH_JWKS_URL or AUTH_JWKS_FILE"),
        ({"AUTH_JWKS_FILE": "keys.json"}, "AUTH_MODE=jwt needs either AUTH_JWKS_URL or AUTH_JWKS_FILE"),
        ({"AUTH_ISSUER": ""}, "AUTH_MODE=jwt needs AUTH_ISSUER\n"),
        ({"AUTH_AUDIENCE": ""}, "AUTH_MODE=jwt needs AUTH_AUDIENCE\n"),
        (
            {"AUTH_JWKS_URL": "", "AUTH_ISSUER": "", "AUTH_AUDIENCE": ""},
            "AUTH_MODE=jwt needs either AUTH_JWKS_URL or AUTH_JWKS_FILE, and AUTH_ISSUER, and AUTH_AUDIENCE\n",
        ),
        ({"AUTH_USER_CLAIM": 'a"b'}, "AUTH_USER_CLAIM: "),
        ({"AUTH_MODE": "on"}, "AUTH_MODE: "),
    ],
)
def test_identity_is_whole_or_not_there(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    for name, value in ({"AUTH_MODE": "jwt"} | WHOLE | changed).items():
        environment.setenv(name, value)

    assert said in complaint(capsys)


def test_whole_identity_is_taken(environment: pytest.MonkeyPatch) -> None:
    for name, value in ({"AUTH_MODE": "jwt"} | WHOLE).items():
        environment.setenv(name, value)

    assert load(GatewaySettings).auth_mode == "jwt"
