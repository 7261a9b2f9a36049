"""An eager task starts immediately."""

from common.runtime import eager_tasks

from tests.waiting import turns


async def test_it_has_run_until_its_first_pause() -> None:
    events: list[str] = []

    async def work() -> str:
        events.append("begun")
        await turns()
        return "done"

    task = eager_tasks.start(work())

    assert events == ["begun"]
    assert await task == "done"
