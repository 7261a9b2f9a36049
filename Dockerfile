# One image for each service, by target: gateway, task-reader, task-writer. Migrations run in the task-writer's image.
#
#   docker build --target gateway --tag taskwire/gateway .
#
# Needs BuildKit, which keeps what uv and pip have fetched between builds. `tests/containers` builds and tries the images.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# Bytecode is compiled here, for a file system that cannot be written to later; its content does not depend on the time.
ENV UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=cache,target=/root/.cache/pip pip install --root-user-action=ignore uv==0.13.9
# uv trusts whom pip or the system trusts: behind a company's proxy, a base image knows its authority in either place.
RUN cat "$(python -m pip._vendor.certifi)" /etc/ssl/certs/ca-certificates.crt >/authorities.pem
ENV SSL_CERT_FILE=/authorities.pem
WORKDIR /app
# The lock names all members of the workspace, and so uv wants to see what each declares.
COPY LICENSE pyproject.toml uv.lock ./
COPY libs/common/pyproject.toml libs/common/
COPY services/gateway/pyproject.toml services/gateway/
COPY services/task-reader/pyproject.toml services/task-reader/
COPY services/task-writer/pyproject.toml services/task-writer/
COPY deploy/local/pyproject.toml deploy/local/
COPY clients/python/pyproject.toml clients/python/

# The libraries come first, in a layer that lasts until the lock changes. With all extras: whether an image traces, and
# whether it migrates, is said when it is started.
FROM build AS build-gateway
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-workspace --package gateway --all-extras
COPY libs/common/src libs/common/src
COPY services/gateway/src services/gateway/src
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --package gateway --all-extras \
 && python -m compileall -q --invalidation-mode unchecked-hash libs services

FROM build AS build-task-reader
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-workspace --package task-reader --all-extras
COPY libs/common/src libs/common/src
COPY services/task-reader/src services/task-reader/src
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --package task-reader --all-extras \
 && python -m compileall -q --invalidation-mode unchecked-hash libs services

FROM build AS build-task-writer
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-workspace --package task-writer --all-extras
COPY libs/common/src libs/common/src
COPY services/task-writer/src services/task-writer/src
COPY services/task-writer/alembic.ini services/task-writer/
COPY services/task-writer/migrations services/task-writer/migrations
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --package task-writer --all-extras \
 && python -m compileall -q --invalidation-mode unchecked-hash libs services

FROM ${PYTHON_IMAGE} AS runtime
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    ADMIN_HOST=0.0.0.0
# The official image comes without the bytecode of Python's own library: each start, and each probe, would compile it.
RUN python -m compileall -q --invalidation-mode unchecked-hash \
    -x '/(site-packages|test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data)/' /usr/local/lib/python3.13
# Every release has one version (docs/releases.md). Last, since a label changes no layer below it.
ARG VERSION=1.0.0
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Taskwire"
WORKDIR /app
# A number, so that Kubernetes sees that it is not root. The user has no name and owns nothing.
USER 10001:10001
# Ready, not only alive: Docker starts what depends on a service when it is. It restarts none for this.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --start-interval=1s --retries=3 CMD ["python", "-IS", "-c", "\
import os; from http.client import HTTPConnection as Connection; \
admin = Connection('127.0.0.1', int(os.environ['ADMIN_PORT']), timeout=2); admin.request('GET', '/readyz'); \
raise SystemExit(admin.getresponse().status != 200)"]

FROM runtime AS task-reader
COPY --from=build-task-reader /app /app
ENV PORT=8001 ADMIN_PORT=9001
EXPOSE 8001 9001
CMD ["task-reader"]

FROM runtime AS task-writer
COPY --from=build-task-writer /app /app
ENV ADMIN_PORT=9002
EXPOSE 9002
CMD ["task-writer"]

FROM runtime AS gateway
COPY --from=build-gateway /app /app
ENV PORT=8000 ADMIN_PORT=9000
EXPOSE 8000 9000
CMD ["gateway"]
