"""A generator's figures are read as they stand, and no failure among them passes for speed."""

from pathlib import Path

import pytest
from local_stack.settings import find_program

from benchmarks.load import Load, LoadFailed, Pressure, drive, figures_of, parse, run_wrk
from tests.serving import Served

NEEDS_WRK = pytest.mark.skipif(find_program("wrk") is None, reason="NOT TESTED: needs Debian's package wrk")
OUTPUT = """Running 1s test @ http://127.0.0.1:8000
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.96ms  312.00us   6.01ms   91.12%
Requests/sec:   2000.00
{"requests": 2000, "duration_us": 1000000, "median_us": 1900, "p99_us": 3100, "failures": 0}
"""


def test_the_last_line_holds_the_figures() -> None:
    load = parse(OUTPUT, connections=4)

    assert load == Load(requests=2000, requests_per_s=2000.0, mean_ms=2.0, median_ms=1.9, p99_ms=3.1)


@pytest.mark.parametrize(
    "output",
    [
        '{"requests": 2000, "duration_us": 1000000, "median_us": 1900, "p99_us": 3100, "failures": 1}',
        '{"requests": 0, "duration_us": 1000000, "median_us": 0, "p99_us": 0, "failures": 0}',
        "unable to connect to 127.0.0.1:8000 Connection refused",
        "",
    ],
)
def test_a_load_with_failures_or_without_answers_is_refused(output: str) -> None:
    with pytest.raises(LoadFailed):
        parse(output, connections=4)


@NEEDS_WRK
async def test_wrk_sends_what_the_file_says(bare: Served, tmp_path: Path) -> None:
    requests = tmp_path / "requests.txt"
    requests.write_text('GET /ok\nPOST /echo {"title": "Buy milk"}\n')

    load = await drive(f"http://127.0.0.1:{bare.port}", requests, Pressure(connections=2, seconds=1))

    assert load.requests > 2
    assert load.median_ms <= load.p99_ms


@NEEDS_WRK
async def test_each_request_bears_the_token_of_the_user_in_its_path(bare: Served, tmp_path: Path) -> None:
    requests, tokens = tmp_path / "requests.txt", tmp_path / "tokens.txt"
    requests.write_text("GET /api/anna/tasks/1\nGET /ok\nGET /api/ben/tasks/1\n")
    tokens.write_text("ben token-of-ben\nanna token-of-anna\n")
    url, pressure = f"http://127.0.0.1:{bare.port}", Pressure(connections=2, seconds=1)

    load = await drive(url, requests, pressure, tokens)

    assert load.requests > 3
    with pytest.raises(LoadFailed, match="failed"):
        await drive(url, requests, pressure)


@NEEDS_WRK
async def test_an_error_answer_fails_the_load(bare: Served, tmp_path: Path) -> None:
    requests = tmp_path / "requests.txt"
    requests.write_text("GET /ok\nGET /missing\n")

    with pytest.raises(LoadFailed, match="failed"):
        await drive(f"http://127.0.0.1:{bare.port}", requests, Pressure(connections=2, seconds=1))


@NEEDS_WRK
async def test_an_overload_is_counted_by_the_statuses_of_its_answers(bare: Served, tmp_path: Path) -> None:
    requests = tmp_path / "requests.txt"
    requests.write_text("".join(f"GET /answers/{status}\n" for status in (201, 503, 201, 429, 504, 500, 201)))

    said = await run_wrk(f"http://127.0.0.1:{bare.port}", "overload.lua", Pressure(connections=1, seconds=1), requests)

    figures = figures_of(said)
    assert figures["other"] > 1
    assert abs(figures["done"] - 3 * figures["other"]) <= 3
    assert abs(figures["refused"] - 2 * figures["other"]) <= 2
    assert abs(figures["unknown"] - figures["other"]) <= 1
