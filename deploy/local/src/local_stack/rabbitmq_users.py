"""The users of the stack's RabbitMQ node: those of production with their permissions, and an administrator."""

import json
from collections.abc import Mapping
from pathlib import Path

from local_stack.state import State, remembered, remembered_password

ADMINISTRATOR = "taskwire"
SERVICE_USERS = ("gateway", "task-writer", "operator")

_KEYS = {ADMINISTRATOR: "rabbitmq"} | {user: f"rabbitmq-{user}" for user in SERVICE_USERS}
_DEFINITIONS = Path(__file__).parents[3] / "rabbitmq" / "definitions.json"


def user_passwords(state: State) -> dict[str, str]:
    """The password of each user by name; the same at every start."""
    return {user: remembered_password(state, key) for user, key in _KEYS.items()}


def remember_passwords(state: State, passwords: Mapping[str, str]) -> None:
    """Makes these the passwords of a node that has none yet: the nodes of a cluster have the same."""
    for user, password in passwords.items():
        remembered(state, f"{_KEYS[user]}-password", lambda password=password: password)  # type: ignore[misc]


def definitions(passwords: Mapping[str, str]) -> str:
    """The JSON that RabbitMQ loads whenever it boots: deploy/rabbitmq/definitions.json, and the administrator."""
    wanted = json.loads(_DEFINITIONS.read_text())
    for user in wanted["users"]:
        user["password"] = passwords[user["name"]]
    wanted["users"].append({"name": ADMINISTRATOR, "password": passwords[ADMINISTRATOR], "tags": ["administrator"]})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    wanted["permissions"].append({"vhost": "/", "user": ADMINISTRATOR, **everything})
    return json.dumps(wanted, indent=2) + "\n"
