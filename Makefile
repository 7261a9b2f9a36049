# Needs uv, or python3 with pip to fetch it once into .tools; uv brings everything else.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
UV_NEEDED := $(filter .tools/%,$(UV))
SERVICES := gateway task-reader task-writer
SBOM := sbom

.DEFAULT_GOAL := help
.PHONY: help run test fuzz faults zero-downtime scaling lint check check-deploy format contracts isolated bench bench-latency bench-instructions bench-profile bench-growth bench-soak bench-overload bench-batching bench-neighbours bench-cache bench-streams bench-observed bench-replicas simulate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(UV_NEEDED) ## start everything on this machine and keep it running; Ctrl-C stops it
	@mkdir -p .stack
	@test -e .venv || echo "Installing Python packages into .venv, for this folder alone (log: .stack/packages.log)"
	@$(UV) sync --locked --no-dev --inexact >.stack/packages.log 2>&1 || { cat .stack/packages.log; \
		echo "Nothing was started: this needs Python 3.13, which uv finds on PATH or downloads, and a network for the packages once." >&2; exit 1; }
	@exec $(UV) run --no-sync python -m local_stack

test: $(UV_NEEDED) ## run all tests, in random order, in two processes; ARGS="-k toggle" chooses, ARGS="-n 0" is for one
	$(UV) run --locked pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(UV_NEEDED) ## draw thousands of requests and messages, other ones each time, against a system of its own
	FUZZ=long $(UV) run --locked pytest tests/fuzz -s -p no:randomly $(ARGS)

faults: $(UV_NEEDED) ## keep breaking parts under load and judge what clients saw; SECONDS=600 SEED= CLIENTS=24 WRITE_DEADLINE_S=2 CLUSTER=
	$(UV) run --locked python -m faults

zero-downtime: $(UV_NEEDED) ## replace, migrate and restart containers under load; two minutes, needs a Docker engine
	$(UV) run --locked python -m tests.containers.zero_downtime

scaling: $(UV_NEEDED) ## measure one, two and three readers and writers in containers; two minutes, needs a Docker engine
	$(UV) run --locked python -m tests.containers.scaling

lint: $(UV_NEEDED) ## lint, formatting, types, and known advisories
	$(UV) run --locked ruff check .
	$(UV) run --locked ruff format --check .
	$(UV) run --locked mypy --strict libs services deploy clients tests benchmarks faults docs/generate.py
	$(UV) run --locked python deploy/audit.py

check: lint ## the same, the rules of this code base, and that deployments fit it
	$(UV) run --locked pytest tests/test_rules.py tests/deploy

.PHONY: audit sbom version release-check

version: $(UV_NEEDED) ## write VERSION=1.1.0 into every place that states the version, and the contracts
	@$(UV) run --locked python -m deploy.release.version "$(VERSION)"
	@$(MAKE) --no-print-directory contracts

release-check: $(UV_NEEDED) ## say what does not yet hold for a release to be tagged
	@$(UV) run --locked python -m deploy.release.check

audit: $(UV_NEEDED) ## ask for known advisories about what is locked; says so when they cannot be reached
	@$(UV) run --locked python deploy/audit.py

sbom: $(SERVICES:%=sbom-%) ## write what each service is made of (CycloneDX) into the folder sbom

sbom-%: $(UV_NEEDED)
	@mkdir -p $(SBOM)
	@$(UV) export --quiet --locked --package $* --all-extras --no-default-groups --preview-features sbom-export \
		--format cyclonedx1.5 --output-file $(SBOM)/$*.cdx.json

check-deploy: $(UV_NEEDED) ## render, validate and lint what is for containers and Kubernetes
	UV=$(UV) deploy/check

format: $(UV_NEEDED) ## format the code and mend what ruff can mend
	$(UV) run --locked ruff check --fix .
	$(UV) run --locked ruff format .

contracts: $(UV_NEEDED) ## write the documents of API and bus, pages of settings and problems, requests for Postman, and Kubernetes' rules
	$(UV) run --locked python docs/generate.py
	$(UV) run --locked python docs/postman_collection.py
	$(UV) run --locked python deploy/observability/prometheus_rule.py

.PHONY: docs pictures problem-answers

pictures: $(UV_NEEDED) ## take the pictures of the documentation anew, of a system of its own; needs Debian's chromium; two minutes
	$(UV) run --locked python -m tests.docs.take_pictures

problem-answers: $(UV_NEEDED) ## ask real servers for an answer of each type of problem, for the pages in docs/problems
	$(UV) run --locked python -m tests.docs.problem_answers
	@$(MAKE) --no-print-directory contracts

docs: $(UV_NEEDED) ## build the documentation as a site into site/, strictly: no dead link, no page that is missing
	NO_MKDOCS_2_WARNING=1 $(UV) run --locked mkdocs build --strict

isolated: $(SERVICES:%=isolated-%) isolated-client ## run each service's, and the Python client's, own tests with only what it declares as dependencies

isolated-%: $(UV_NEEDED)
	UV_PROJECT_ENVIRONMENT=.stack-ci/venv-$* \
		$(UV) run --locked --exact --package $* --no-default-groups --group test pytest services/$*/tests

isolated-client: $(UV_NEEDED)
	UV_PROJECT_ENVIRONMENT=.stack-ci/venv-client \
		$(UV) run --locked --exact --package taskwire-client --no-default-groups --group test pytest clients/python/tests

bench: $(UV_NEEDED) ## measure side by side with other services, fifteen minutes; QUICK=1 three; STRICT=1 fails below a goal
	$(UV) run --locked python -m benchmarks

bench-latency: $(UV_NEEDED) ## measure how long requests take that arrive at fixed rates, seven minutes; QUICK=1 one and a half
	$(UV) run --locked python -m benchmarks.latency

bench-instructions: $(UV_NEEDED) ## count the instructions of a GET and a POST with valgrind, four minutes; STRICT=1 fails when one grew
	$(UV) run --locked python -m benchmarks.instructions

bench-profile: $(UV_NEEDED) ## measure whose code each service's CPU time goes to, with py-spy, two minutes
	$(UV) run --locked --with py-spy python -m benchmarks.profiles

bench-growth: $(UV_NEEDED) ## measure how cost grows with lists, connections and rows, twelve minutes; QUICK=1 three
	$(UV) run --locked python -m benchmarks.growth

bench-soak: $(UV_NEEDED) ## measure start-up times, and memory over REQUESTS=1000000
	$(UV) run --locked python -m benchmarks.soak

bench-overload: $(UV_NEEDED) ## measure writes under far more clients than can be served, one minute
	$(UV) run --locked python -m benchmarks.overload

bench-batching: $(UV_NEEDED) ## measure what batches on the bus gain, one minute
	$(UV) run --locked python -m benchmarks.batching

bench-cache: $(UV_NEEDED) ## measure what lists from memory gain, one minute
	$(UV) run --locked python -m benchmarks.list_cache

bench-neighbours: $(UV_NEEDED) ## measure what one user's batches of 1,000 take from another user's writes, one minute
	$(UV) run --locked python -m benchmarks.neighbours

bench-streams: $(UV_NEEDED) ## measure what event streams cost and how soon they tell, two minutes; STREAMS=10000
	$(UV) run --locked python -m benchmarks.streams

bench-observed: $(UV_NEEDED) ## measure what metrics, traces and tokens cost, six minutes; QUICK=1 and STRICT=1 as for bench
	$(UV) run --locked python -m benchmarks.observed

bench-replicas: $(UV_NEEDED) ## measure 4 gateways, 2 readers and 2 writers beside their simulation, two minutes; QUICK=1 one
	$(UV) run --locked python -m benchmarks.simulation.check

simulate: $(UV_NEEDED) ## simulate dozens of gateways, readers and writers: how full batches stay, and what saturates first
	$(UV) run --locked python -m benchmarks.simulation

clean: ## remove environments, caches, and the data of a stack that does not run
	@test ! -e .stack/lock || flock --nonblock .stack/lock true || { echo "A stack runs here: stop it first." >&2; exit 1; }
	rm -rf site sbom benchmarks/opponents/node/node_modules .stack .stack-ci .stack-faults .venv .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis

.tools/bin/uv:
	@echo "Installing uv into .tools, because it is not on PATH (log: .tools/pip.log)"
	@mkdir -p .tools
	@python3 -m pip install --target .tools uv >.tools/pip.log 2>&1 || { cat .tools/pip.log; \
		echo "uv was not installed: python3 needs pip, and a network once. An uv on PATH will do as well." >&2; exit 1; }
