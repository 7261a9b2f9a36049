"""Images of others that docker-compose.yml names, also on a machine that reaches no container registry."""

import subprocess
from pathlib import Path

from .engine import run

# The same programs, in versions that are as new, from Debian's packages under the names of the images. For tests alone.
FROM_DEBIAN = {"edoburu/pgbouncer:v1.24.1-p1": "pgbouncer", "haproxy:3.2": "haproxy"}
DOCKERFILE = """\
FROM debian:forky-slim
RUN apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends {package} >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
LABEL taskwire.stand-in="{image}"
"""


def ensure_image(image: str, directory: Path) -> None:
    """The image is here afterwards: as it was, pulled, or built from Debian's package."""
    if _works("docker", "image", "inspect", image) or _works("docker", "pull", "--quiet", image):
        return
    (directory / "Dockerfile").write_text(DOCKERFILE.format(package=FROM_DEBIAN[image], image=image))
    run("docker", "build", "--quiet", "--tag", image, str(directory), within_s=300)


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
