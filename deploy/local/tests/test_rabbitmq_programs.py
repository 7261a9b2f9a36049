"""Finding RabbitMQ's programs, in folders as Debian's package and the official images have them."""

import asyncio
import os
from pathlib import Path

import pytest
from local_stack.errors import MissingProgram
from local_stack.image_files import ImageFiles
from local_stack.rabbitmq_programs import Installing, RabbitmqPrograms, _apt_get, _installed, rabbitmq_programs


def programs(*version: int, image: ImageFiles | None = None) -> RabbitmqPrograms:
    return RabbitmqPrograms(version, Path("/server"), Path("/ctl"), Path("/epmd"), image)


def make(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def image_of(root: Path) -> ImageFiles:
    return ImageFiles("rabbitmq:4-management", root, "/opt/rabbitmq/sbin:/usr/bin", in_use=-1)


@pytest.mark.parametrize(
    ("version", "line", "fits"),
    [
        ((4, 3, 6), "4", True),
        ((5, 0, 0), "4", True),
        ((3, 13, 7), "4", False),
        ((3, 10, 8), "3.10", True),
        ((3, 13, 7), "3.10", False),
        ((3, 1, 0), "3.10", False),
    ],
)
def test_a_version_belongs_to_a_line_of_releases(version: tuple[int, ...], line: str, fits: bool) -> None:
    assert programs(*version).fits(line) is fits


def test_what_runs_is_said_in_one_line(tmp_path: Path) -> None:
    assert str(programs(4, 3, 6)) == "4.3.6, installed"
    assert str(programs(4, 3, 6, image=image_of(tmp_path))) == "4.3.6, of the image rabbitmq:4-management"
    assert str(programs(3, 10, 8)) == "3.10.8, installed; out of support: use 4.x"


def test_the_programs_of_the_official_image_are_found(tmp_path: Path) -> None:
    make(tmp_path, "opt/rabbitmq/sbin/rabbitmq-server", "opt/rabbitmq/plugins/rabbit-4.1.10/ebin/rabbit.app")
    make(tmp_path, "opt/erlang/lib/erlang/erts-15.2/bin/epmd")

    found = _installed(tmp_path, image_of(tmp_path))

    assert found is not None
    assert found.version == (4, 1, 10)
    assert found.server == Path("/opt/rabbitmq/sbin/rabbitmq-server")
    assert found.ctl == Path("/opt/rabbitmq/sbin/rabbitmqctl")
    assert found.epmd == Path("/opt/erlang/lib/erlang/erts-15.2/bin/epmd")
    assert found.environment() == {"PATH": "/opt/rabbitmq/sbin:/usr/bin"}
    assert found.seen(tmp_path / "state") == Path("/mnt")


def test_the_programs_of_a_package_are_found_behind_its_links(tmp_path: Path) -> None:
    own = "usr/lib/rabbitmq/lib/rabbitmq_server-4.3.6"
    make(tmp_path, f"{own}/sbin/rabbitmq-server", f"{own}/plugins/rabbit-4.3.6/ebin/rabbit.app")
    make(tmp_path, "usr/lib/erlang/erts-16.1/bin/epmd")
    (tmp_path / "usr/lib/rabbitmq/bin").mkdir()
    (tmp_path / "usr/lib/rabbitmq/bin/rabbitmq-server").symlink_to("../lib/rabbitmq_server-4.3.6/sbin/rabbitmq-server")

    found = _installed(tmp_path, image_of(tmp_path))

    assert found is not None
    assert (found.version, found.server) == ((4, 3, 6), Path("/usr/lib/rabbitmq/bin/rabbitmq-server"))


def test_an_image_without_rabbitmq_has_none(tmp_path: Path) -> None:
    assert _installed(tmp_path, image_of(tmp_path)) is None


def test_a_server_whose_version_is_not_known_is_not_guessed_at(tmp_path: Path) -> None:
    make(tmp_path, "opt/rabbitmq/sbin/rabbitmq-server", "opt/erlang/lib/erlang/erts-15.2/bin/epmd")

    with pytest.raises(MissingProgram, match="its version is not known"):
        _installed(tmp_path, image_of(tmp_path))


async def test_nothing_is_installed_or_pulled_where_that_is_forbidden(tmp_path: Path) -> None:
    reports: list[str] = []
    log = tmp_path / "install.log"

    with pytest.raises(MissingProgram, match="RabbitMQ"):
        await rabbitmq_programs("2.0", reports.append, Installing(allowed=False, log=log))

    assert reports == []
    assert not await asyncio.to_thread(log.exists)


async def test_what_apt_prints_goes_to_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho much; echo more >&2\n")
    apt.chmod(0o755)
    log = tmp_path / "install.log"

    with log.open("ab") as output:
        await _apt_get(("update",), {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, output)

    assert log.read_text() == "much\nmore\n"
    assert capfd.readouterr() == ("", "")
