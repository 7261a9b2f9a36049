"""What a caller hears when the bus is lost or does not take a batch: refused or unknown, never the wrong one."""

import pytest
from common.contracts import Outcome
from gateway.command_bus import BUS_LOST, NotAccepted
from prometheus_client import REGISTRY

from .bench import DONE, Bench, command, outcomes_of, statuses_of


async def test_a_bus_that_was_never_connected_refuses() -> None:
    bench = Bench()
    bench.bus.lost()

    outcome = await bench.bus.call(command())

    assert (outcome.status, bench.sent.empty()) == ("refused", True)


async def test_a_bus_that_is_connected_again_takes_commands() -> None:
    bench = Bench()
    bench.bus.lost()
    bench.bus.connected()

    calls = await bench.call(command())
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]


async def test_losing_the_bus_leaves_what_is_on_its_way_unknown_at_once() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    calls = await bench.call(command(), command())

    bench.bus.lost()

    assert await statuses_of(calls) == ["unknown", "unknown"]


async def test_losing_the_bus_refuses_what_waits_at_once() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    _, *waiting = await bench.call(command(), command(), command())

    bench.bus.lost()

    assert await statuses_of(waiting) == ["refused", "refused"]


async def test_what_was_refused_when_the_bus_was_lost_never_leaves() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    calls = await bench.call(command(), command())
    await bench.next_batch()

    bench.bus.lost()
    bench.bus.connected()
    await outcomes_of(calls)

    assert bench.sent.empty()


async def test_losing_the_bus_frees_all_slots() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    await bench.call(command(), command())
    for _ in range(2):
        await bench.next_batch()
    bench.bus.lost()
    bench.bus.connected()

    await bench.call(command(), command())

    assert bench.sent.qsize() == 2


async def test_an_answer_after_the_bus_was_lost_is_ignored() -> None:
    bench = Bench()
    calls = await bench.call(command())
    batch_id, _ = await bench.next_batch()
    bench.bus.lost()

    bench.bus.receive(batch_id, [DONE])

    assert await statuses_of(calls) == ["unknown"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [(NotAccepted("nack"), "refused"), (ConnectionError(), "unknown"), (TimeoutError(), "unknown")],
)
async def test_a_failed_publish_answers_at_once(failure: Exception, status: str) -> None:
    bench = Bench()
    bench.refusal = failure

    calls = await bench.call(command(), command())

    assert await statuses_of(calls) == [status, status]


@pytest.mark.parametrize("failure", [NotAccepted("nack"), ConnectionError()])
async def test_a_failed_publish_frees_its_slot(failure: Exception) -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    bench.refusal = failure

    calls = await bench.call(command(), command(), command())

    assert len(await outcomes_of(calls)) == 3
    assert bench.sent.qsize() == 3


async def test_an_answer_with_too_many_outcomes_serves_those_who_asked() -> None:
    bench = Bench()
    calls = await bench.call(command())

    await bench.answer_next([DONE, Outcome(status="not_found")])

    assert await outcomes_of(calls) == [DONE]


async def test_a_blocked_bus_refuses_what_comes_and_what_waits() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    _, *waiting = await bench.call(command(), command())

    bench.bus.blocked()

    assert await statuses_of(waiting) == ["refused"]
    assert (await bench.bus.call(command())).status == "refused"


async def test_what_left_before_the_bus_was_blocked_may_be_answered_yet() -> None:
    bench = Bench()
    calls = await bench.call(command())

    bench.bus.blocked()
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]


async def test_a_bus_that_is_blocked_no_more_takes_commands() -> None:
    bench = Bench()
    bench.bus.blocked()
    bench.bus.connected()

    calls = await bench.call(command())
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]


async def test_an_answer_that_nobody_waits_for_is_counted_and_ignored() -> None:
    def late() -> float:
        return REGISTRY.get_sample_value("taskwire_late_replies_total") or 0.0

    bench = Bench()
    calls = await bench.call(command())
    batch_id, _ = await bench.next_batch()
    bench.bus.receive(batch_id, [DONE])
    answered, late_before = await outcomes_of(calls), late()

    bench.bus.receive(batch_id, [BUS_LOST])

    assert (answered, late() - late_before) == ([DONE], 1)


async def test_a_batch_that_has_ended_leaves_nothing_behind() -> None:
    bench = Bench()
    answered = await bench.call(command())
    await bench.answer_next()
    unanswered = await bench.call(command(within_s=0.05))

    await outcomes_of([*answered, *unanswered])

    assert bench.bus._replies == {}
