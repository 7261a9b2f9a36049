"""Debian's Prometheus and its tool, where they are."""

import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from local_stack.ports import pick_port
from local_stack.state import State
from local_stack.supervision import Process, Program

from tests.waiting import eventually

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
NEEDS_PROMETHEUS = pytest.mark.skipif(
    PROMTOOL is None or PROMETHEUS is None, reason="NOT TESTED: needs Debian's package prometheus"
)
WITHIN_S = 100


def hold(folder: Path, *files: str) -> None:
    """Fails, with what promtool says, unless the tests in these files of the folder hold."""
    tested = subprocess.run(
        [str(PROMTOOL), "test", "rules", *files],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


@asynccontextmanager
async def running_prometheus(
    directory: Path, targets: Mapping[str, str], *, rules: str = "", flags: tuple[str, ...] = ()
) -> AsyncIterator[str]:
    """The address of a Prometheus that asks these admin ports each second, each as the job of its name."""
    (directory / "rules.yml").write_text(rules)
    jobs = [
        {
            "job_name": name,
            "static_configs": [{"targets": [url.partition("://")[2]], "labels": {"part_of": "taskwire"}}],
        }
        for name, url in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": jobs,
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = pick_port()
    arguments = (
        str(PROMETHEUS),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    )
    process = Process(Program("prometheus", arguments, {}, stop_signal=signal.SIGTERM), State(directory))
    await process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _ready(url), within_s=30)
        yield url
    finally:
        await process.stop()


async def _ready(url: str) -> bool:
    """Whether Prometheus answers queries: it listens before it has loaded its data."""
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        try:
            return (await client.get("/-/ready")).is_success
        except httpx.TransportError:
            return False
