"""`.env.example` names what an operator must set, and shows every default. As it stands, containers start with it, and
no service that is started by hand does."""

import re

import pytest
from common.settings import ServiceSettings, load

from .described import SERVICES, cells, required
from .pages import ROOT

COMPOSE = "".join((ROOT / file).read_text() for file in ("docker-compose.yml", "deploy/compose/cluster.yml"))


def asked_for_by_compose() -> set[str]:
    """What docker-compose.yml, or with it the cluster, does not start without."""
    return set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE))


def defaults_of_compose() -> dict[str, str]:
    return dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", COMPOSE))


def example_variables(pattern: str) -> dict[str, str]:
    """The variables of `.env.example` on lines that begin like this."""
    found = re.findall(rf"^{pattern}([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    return dict(found)


# PORT is the one variable whose value differs from process to process; the example says so.
def test_the_example_environment_has_all_required_variables() -> None:
    needed = set[str]().union(*map(required, SERVICES)) - {"PORT"}

    assert set(example_variables("")) == needed | asked_for_by_compose()


def test_the_example_environment_has_every_password_of_compose() -> None:
    passwords = {name: example_variables("")[name] for name in asked_for_by_compose()}

    assert {name: value for name, value in passwords.items() if not re.fullmatch(r"[A-Za-z0-9._~-]+", value)} == {}


def test_the_example_environment_shows_every_default() -> None:
    fields = {name: field for settings in SERVICES for name, field in settings.model_fields.items()}
    defaults = {name.upper(): cells(name, field)[1].strip("`").removesuffix("unset") for name, field in fields.items()}
    asked_for = example_variables("")

    assert example_variables("# ") == defaults_of_compose() | {
        name: default for name, default in defaults.items() if name not in asked_for and default != "required"
    }


@pytest.mark.parametrize("settings", SERVICES, ids=lambda settings: settings.__name__)
def test_the_example_environment_as_it_stands_starts_nothing(
    settings: type[ServiceSettings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in example_variables("").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORT", "8000")

    with pytest.raises(SystemExit, match="2"):
        load(settings)

    faulty = {line.partition(":")[0] for line in capsys.readouterr().err.splitlines()}
    assert faulty >= required(settings) - {"PORT"}
