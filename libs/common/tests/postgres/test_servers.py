"""The order in which the servers of an address are tried; tests/faults has those that are there."""

from collections.abc import Sequence

import pytest
from common.postgres.servers import SEVERAL_HOSTS_CONNECT_TIMEOUT_S, Servers, limit_for_each, options_for_primary
from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

PASSWORD = "p4ssw0rd"  # noqa: S105 - of no server


def servers(rest: str, *, takes_writes: bool = False) -> Servers:
    return Servers(SecretStr(f"postgresql://user:{PASSWORD}@{rest}"), takes_writes=takes_writes)


def tried(of: Servers, *names: str) -> list[Sequence[object]]:
    """What is named so in each address, in order."""
    return [[conninfo_to_dict(address).get(name) for name in names] for address in of.in_order()]


def test_each_host_is_tried_with_its_port_and_all_that_they_share() -> None:
    of = servers("one:1,two:2,three:3/tasks?sslmode=require")

    assert tried(of, "host", "port") == [["one", "1"], ["two", "2"], ["three", "3"]]
    assert tried(of, "user", "password", "dbname", "sslmode") == [["user", PASSWORD, "tasks", "require"]] * 3


def test_one_port_is_that_of_all_hosts_and_addresses() -> None:
    of = servers("one,two/tasks?hostaddr=127.0.0.1,127.0.0.2&port=6432")

    assert tried(of, "host", "hostaddr", "port") == [["one", "127.0.0.1", "6432"], ["two", "127.0.0.2", "6432"]]


def test_the_server_that_worked_is_tried_first() -> None:
    of = servers("one,two,three/tasks", takes_writes=True)
    _, second, _ = of.in_order()

    of.worked(second)

    assert tried(of, "host") == [["two"], ["one"], ["three"]]


async def test_hosts_that_cannot_be_used_when_all_are_looked_at_come_last() -> None:
    of, asked = servers("one,two,three/tasks"), list[object]()

    async def is_usable(address: str) -> bool:
        host = conninfo_to_dict(address)["host"]
        asked.append(host)
        return host != "one"

    await of.look_at_all(is_usable)
    await of.look_at_all(is_usable)

    assert asked == ["one", "two", "three"]
    assert tried(of, "host") == [["two"], ["three"], ["one"]]


async def test_one_host_is_not_looked_at_before_it_is_used() -> None:
    async def is_usable(address: str) -> bool:
        raise AssertionError(address)

    await servers("one/tasks").look_at_all(is_usable)


def test_standbys_that_are_preferred_stay_before_all_others_whichever_worked() -> None:
    of = servers("one,two/tasks?target_session_attrs=prefer-standby")

    of.worked(of.in_order()[-1])

    assert tried(of, "host", "target_session_attrs") == [
        ["one", "standby"],
        ["two", "standby"],
        ["one", "any"],
        ["two", "any"],
    ]


def test_load_is_balanced_at_random_if_the_address_says_so() -> None:
    of = servers("one,two,three/tasks?load_balance_hosts=random&target_session_attrs=prefer-standby")

    orders = [tried(of, "host", "target_session_attrs") for _ in range(100)]

    assert {order[0][0] for order in orders} == {"one", "two", "three"}
    assert all([kind for _, kind in order] == ["standby"] * 3 + ["any"] * 3 for order in orders)


@pytest.mark.parametrize(("given", "wanted"), [("primary", "primary"), ("standby", "standby"), ("any", "any")])
def test_libpq_itself_looks_for_what_the_address_names(given: str, wanted: str) -> None:
    assert tried(servers(f"one/tasks?target_session_attrs={given}"), "target_session_attrs") == [[wanted]]


def test_who_tried_all_in_vain_is_told_of_each() -> None:
    of = servers("one,two/tasks")

    error = of.failed([OperationalError("one is away"), TimeoutError()])

    assert str(error) == "one is away; TimeoutError"
    assert of.refusal is None


@pytest.mark.parametrize(
    ("hosts", "given", "limit"),
    [("one", 10, 10), ("one,two", 10, SEVERAL_HOSTS_CONNECT_TIMEOUT_S), ("one,two", 2, 2)],
)
def test_each_of_several_hosts_has_a_short_time(hosts: str, given: int, limit: int) -> None:
    assert limit_for_each(SecretStr(f"postgresql://user@{hosts}/tasks"), given) == limit


def test_options_in_the_address_take_precedence() -> None:
    url = SecretStr("postgresql://user@one,two/tasks?connect_timeout=9&target_session_attrs=primary")

    assert options_for_primary(url, 10) == {}
