"""A client over its rate limit gets 429 and the time to wait; no other client is affected."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from common.http.problems import Problem
from gateway.rate_limits import MAX_REMEMBERED, Policy, TokenBuckets, client_address

from tests.clock import Clock
from tests.issuer import AUDIENCE, ISSUER, OWNER, Issuer, new_key, published
from tests.serving import Answer, Served

from .in_process import BATCH, JSON, TASKS, lonely_gateway
from .test_openapi import OPERATIONS, typed

STRANGER = "4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58"
SLOW = {"user_requests_per_s": 0.001, "user_burst": 2}
PROXIED = {"address_requests_per_s": 0.001, "address_burst": 2, "trusted_proxies": 1}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def granted(buckets: TokenBuckets, name: str, times: int) -> int:
    return sum(buckets.take(name).retry_in_s == 0 for _ in range(times))


def test_a_burst_is_granted_and_then_the_rate(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 2.0, 10), clock)

    assert granted(buckets, "a", 15) == 10
    clock.now += 1.5
    assert granted(buckets, "a", 15) == 3
    clock.now += 100
    assert granted(buckets, "a", 15) == 10


def test_one_name_takes_nothing_from_another(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 5), clock)

    assert [granted(buckets, name, 10) for name in "abc"] == [5, 5, 5]


def test_what_is_refused_costs_nothing(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 5), clock)
    granted(buckets, "a", 1000)

    clock.now += 1

    assert granted(buckets, "a", 10) == 1


def test_who_waits_as_long_as_advised_is_granted(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 3.0, 7), clock)
    granted(buckets, "a", 7)

    for _ in range(50):
        clock.now += buckets.take("a").retry_in_s
        assert buckets.take("a").retry_in_s == 0


# The sum of a time and a duration is rounded: how, depends on how long the machine has been running.
@pytest.mark.parametrize("seconds_up", range(0, 1_100, 50))
def test_whole_seconds_are_reported_as_they_are_at_any_time(clock: Clock, seconds_up: int) -> None:
    buckets = TokenBuckets(Policy("user", 0.001, 2), clock)

    for thousandths in range(20):
        clock.now = seconds_up + thousandths / 1000
        name = str(thousandths)
        assert buckets.take(name).header() == b'"user";r=1;t=1000'
        assert buckets.take(name).remaining == 0
        with pytest.raises(Problem) as refused:
            buckets.take(name).require()
        assert refused.value.headers == {"Retry-After": "1000"}


def test_what_is_left_is_what_is_granted(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 0.7, 9), clock)

    for moved in (0, 0.1, 1, 2.5, 4, 30):
        clock.now += moved
        remaining = buckets.take("a").remaining
        assert granted(buckets, "a", 20) == remaining


def test_the_memory_of_names_is_bounded_and_keeps_who_sends_most(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("address", 1.0, 10), clock)

    for number in range(3 * MAX_REMEMBERED):
        buckets.take(str(number))

    assert len(buckets._full_at) + len(buckets._older_full_at) <= 2 * MAX_REMEMBERED
    assert buckets.take(str(3 * MAX_REMEMBERED - 1)).remaining == 8


def test_names_that_are_quiet_are_forgotten(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("address", 1.0, 10), clock)
    granted(buckets, "a", 10)

    for _ in range(3):
        clock.now += 10.1
        buckets.take("b")

    assert set(buckets._full_at) | set(buckets._older_full_at) == {"b"}


def test_a_change_of_generations_forgets_nothing_too_early(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("address", 1.0, 10), clock)
    buckets.take("b")
    clock.now += 9
    granted(buckets, "a", 10)

    clock.now += 2  # a window since the first of all
    buckets.take("b")

    assert granted(buckets, "a", 10) == 2


def test_a_charge_beyond_the_bucket_is_granted_and_paid_back_before_the_next_request(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 10), clock, max_owed=1000)

    charged = buckets.charge("a", 100)

    assert (charged.retry_in_s, charged.remaining, charged.full_in_s) == (0, 0, 100)
    assert buckets.take("a").retry_in_s == pytest.approx(91)
    clock.now += 90.9
    assert buckets.take("a").retry_in_s == pytest.approx(0.1)
    clock.now += 0.1
    assert buckets.take("a").retry_in_s == 0


def test_a_bucket_that_owes_takes_no_further_charge(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 10), clock, max_owed=1000)
    buckets.charge("a", 100)

    refused = buckets.charge("a", 1)

    assert refused.retry_in_s == pytest.approx(90)
    assert refused.full_in_s == 100


def test_an_empty_bucket_that_owes_nothing_takes_a_charge(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 10), clock, max_owed=1000)
    granted(buckets, "a", 10)

    assert buckets.charge("a", 100).retry_in_s == 0


def test_what_a_bucket_owes_is_not_forgotten(clock: Clock) -> None:
    buckets = TokenBuckets(Policy("user", 1.0, 10), clock, max_owed=1000)
    buckets.charge("a", 1000)

    for _ in range(90):
        clock.now += 11  # more than a window
        buckets.take("b")

    assert buckets.take("a").retry_in_s == pytest.approx(1)


async def test_an_operation_of_a_batch_counts_as_a_request() -> None:
    body = json.dumps({"operations": [{"op": "create", "title": "x"}] * 100}).encode()
    async with lonely_gateway(**SLOW | {"address_requests_per_s": 0.01, "address_burst": 5}) as gateway:
        first, second = [await gateway.ask("POST", BATCH, body=body, headers=JSON) for _ in range(2)]

    assert (first.status, first.headers["ratelimit"]) == (503, '"address";r=0;t=10000, "user";r=0;t=100000')
    assert second.status == 429
    assert 9_400 <= int(second.headers["retry-after"]) <= 9_600


async def test_a_batch_that_is_refused_counts_as_one_request() -> None:
    async with lonely_gateway(**SLOW) as gateway:
        answer = await gateway.ask("POST", BATCH, body=b'{"operations": [1, 2, 3]}', headers=JSON)

    assert (answer.status, answer.headers["ratelimit"]) == (422, '"user";r=1;t=1000')


@pytest.mark.parametrize("name", OPERATIONS)
async def test_one_request_too_many_is_429_with_all_that_a_client_needs(name: str) -> None:
    method, path, body = OPERATIONS[name]
    async with lonely_gateway(**SLOW) as gateway:
        answers = [await gateway.ask(method, path, body=body, headers=typed(name)) for _ in range(3)]

    refused = answers[-1]
    assert [answer.status for answer in answers] == [503, 503, 429]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:taskwire:problem:too-many-requests"
    assert 990 <= int(refused.headers["retry-after"]) <= 1000
    assert [answer.headers["ratelimit-policy"] for answer in answers] == ['"user";q=2;w=2000'] * 3
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == [
        '"user";r=1',
        '"user";r=0',
        '"user";r=0',
    ]


async def test_a_user_pays_for_nobody_else() -> None:
    async with lonely_gateway(**SLOW) as gateway:
        for _ in range(3):
            await gateway.ask("GET", TASKS)

        answer = await gateway.ask("GET", TASKS.replace(OWNER, STRANGER))

    assert answer.status == 503


async def from_address(gateway: Served, forwarded_for: str, path: str = TASKS) -> Answer:
    return await gateway.ask("GET", path, headers={"X-Forwarded-For": forwarded_for})


async def test_an_address_has_one_bucket_for_all_paths_and_users() -> None:
    paths = [TASKS, "/nothing", "/openapi.json", TASKS.replace(OWNER, STRANGER)]
    async with lonely_gateway(**PROXIED) as gateway:
        answers = [await from_address(gateway, "192.0.2.1", path) for path in paths]
        other = await from_address(gateway, "192.0.2.2")

    assert [answer.status for answer in answers] == [503, 404, 429, 429]
    assert answers[-1].headers["ratelimit-policy"] == '"address";q=2;w=2000'
    assert other.status == 503


async def test_both_limits_are_reported() -> None:
    async with lonely_gateway(**SLOW, **PROXIED) as gateway:
        answer = await gateway.ask("GET", TASKS)

    assert answer.headers["ratelimit-policy"] == '"address";q=2;w=2000, "user";q=2;w=2000'
    assert [part.partition(";t")[0] for part in answer.headers["ratelimit"].split(", ")] == [
        '"address";r=1',
        '"user";r=1',
    ]


async def test_what_a_client_writes_itself_does_not_make_it_another() -> None:
    async with lonely_gateway(**PROXIED) as gateway:
        answers = [await from_address(gateway, f"192.0.2.{number}, 198.51.100.7") for number in range(3)]

    assert [answer.status for answer in answers] == [503, 503, 429]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "proxies", "address"),
    [
        ("192.0.2.1", [], 0, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], 0, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["203.0.113.9, 198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["203.0.113.9, 198.51.100.1"], 2, "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9", "198.51.100.1"], 2, "203.0.113.9"),
        ("192.0.2.1", ["198.51.100.1"], 2, "192.0.2.1"),
        ("192.0.2.1", [], 1, "192.0.2.1"),
        ("192.0.2.1", [" , ,"], 1, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", [], 0, "20010db800010002"),
        ("192.0.2.1", ["[2001:db8:1:2::9]"], 1, "20010db800010002"),
        ("192.0.2.1", ["2001:db8:1:2::9"], 1, "20010db800010002"),
        ("192.0.2.1", ["[2001:db8:1:2::9]:443"], 1, "20010db800010002"),
        ("192.0.2.1", ['"[2001:db8:1:2::9]:443"'], 1, "20010db800010002"),
        ("192.0.2.1", ["198.51.100.1:4711"], 1, "198.51.100.1"),
        ("192.0.2.1", ['"198.51.100.1:4711"'], 1, "198.51.100.1"),
        ("192.0.2.1", ["::ffff:198.51.100.1"], 1, "198.51.100.1"),
        ("192.0.2.1", ["[::ffff:c633:6401]:4711"], 1, "198.51.100.1"),
        ("::ffff:192.0.2.1", [], 0, "192.0.2.1"),
        ("192.0.2.1", ["::nonsense::"], 1, "192.0.2.1"),
        ("192.0.2.1", ["unknown"], 1, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1:port"], 1, "192.0.2.1"),
        ("192.0.2.1", ["_hidden, 198.51.100.7"], 2, "198.51.100.7"),
        ("192.0.2.1", ["9" * 10_000], 1, "192.0.2.1"),
        ("", ["unknown"], 1, ""),
    ],
)
def test_the_address_is_that_of_the_client_as_far_as_proxies_are_trusted(
    peer: str, forwarded_for: list[str], proxies: int, address: str
) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded_for]

    assert client_address({"client": (peer, 1), "headers": headers}, proxies) == address


def jwt_settings(url: str) -> Mapping[str, Any]:
    return {"auth_mode": "jwt", "auth_jwks_url": url, "auth_issuer": ISSUER, "auth_audience": AUDIENCE}


async def test_with_tokens_nobody_uses_up_what_another_may_send() -> None:
    issuer = Issuer({"ES256": new_key("ES256")})
    owner = {"Authorization": f"Bearer {issuer.token()}"}
    stranger = {"Authorization": f"Bearer {issuer.token(sub=STRANGER)}"}
    async with published(issuer) as url, lonely_gateway(**SLOW, **jwt_settings(url)) as gateway:
        attempts = [await gateway.ask("GET", TASKS, headers=headers) for headers in [stranger, {}] * 5]
        answer = await gateway.ask("GET", TASKS, headers=owner)

    assert {attempt.status for attempt in attempts} == {404, 401}
    assert (answer.status, answer.headers["ratelimit"].partition(";t")[0]) == (503, '"user";r=1')


async def test_pages_of_other_origins_can_read_the_limits() -> None:
    origin = "https://app.example"
    async with lonely_gateway(**SLOW, **PROXIED, cors_origins=[origin]) as gateway:
        answers = [await gateway.ask("GET", TASKS, headers={"Origin": origin}) for _ in range(3)]

    assert answers[-1].status == 429
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(
        answers[-1].headers["access-control-expose-headers"].split(", ")
    )
    assert answers[-1].headers["access-control-allow-origin"] == origin


async def test_the_documentation_has_the_429(gateway: Served) -> None:
    async with lonely_gateway(**SLOW) as limited:
        document = (await limited.ask("GET", "/openapi.json")).json()
    default = (await gateway.ask("GET", "/openapi.json")).json()

    operations = operations_of(document)
    assert operations
    assert all("RateLimit" in operation["responses"]["429"]["headers"] for operation in operations)
    limited_anyway = [one["operationId"] for one in operations_of(default) if "429" in one["responses"]]
    assert limited_anyway == ["stream_events"]


def operations_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [item[key] for item in document["paths"].values() for key in item if key != "parameters"]


async def test_without_limits_nothing_is_counted_or_reported(gateway: Served) -> None:
    answer = await gateway.ask("GET", TASKS)

    assert not [name for name in answer.headers if name.startswith("ratelimit")]
