"""The rules of CONTRIBUTING.md that a machine can check, on this repository; tests/rules proves the checks."""

from common.bus import topology
from sqlmodel import SQLModel
from task_writer import tables  # noqa: F401 - registers the tables

from deploy.release.check import licence_is_stated
from deploy.release.version import differing

from .rules import connections, imports, migrations, proof, queries, repository, shape, sql
from .rules.sources import PRODUCT, ROOT, TESTS, sources

ALL = sources(*PRODUCT)
SERVICES = [source for source in ALL if source.path.startswith("services/")]
COMMON = [source for source in ALL if source.package == "common"]
REVISIONS = [source for source in ALL if source.module.startswith("migrations.versions.")]
MAY_START_TASKS = {
    "common.runtime.background": "starts all that goes on for as long as the service runs",
    "common.runtime.eager_tasks": "starts short work for the modules below, each of which holds it until it is done",
    "common.http_server.protocol": "an app on a request, which answers for its own errors and which stopping awaits",
    "common.observability.tracing": "a thread for the last flush at the end, bounded in time",
    "gateway.batching": "a batch on its way; its errors are its items' answers",
    "gateway.bus_session": "a batch that is published; its errors are the batch's reply",
    "gateway.signing_keys": "a fetch of keys, bounded in time; held, and its errors are those of who waits for it",
    "task_writer.consumer.command_consumer": "a batch in progress and its dead letters, which stopping awaits",
}
MAY_CONNECT = {
    "common.bus.broker": "makes all of them",
    "docs.generate": "writes AsyncAPI, of a broker that is never connected",
    "task_writer.consumer.consuming": "gives FastStream a connection of common.bus.broker",
}
ALL_TESTS = sources(*TESTS)
ASIDE = sources("benchmarks/**/*.py", "docs/**/*.py", "faults/**/*.py")
SQL_FILES = sorted(ROOT.glob("services/*/sql/*.sql"))
NOT_OF_ONE_USER = {
    "forget_commands",  # cleans up after all users; its own policy shows it old records, nothing else
    "empty_old_slot",  # the same, by truncating
}
RUNS_AS_OWNER = {"empty_old_slot"}  # no service may truncate; what it does beside that is in TRUNCATES_SLOTS
TRUNCATES_SLOTS = [
    "runs with the rights of its owner",
    *(f"command_log_{slot} after an unknown word is not understood" for slot in range(4)),
    "does not begin by telling row-level security who asks",
]

MAY_SLEEP = {
    "libs/common/tests/http_server/test_limits.py": "gives the event loop a turn",
    "tests/fuzz/strict_reader.py": "gives the event loop turns",
    "tests/fuzz/test_framing.py": "gives the event loop a turn",
    "tests/containers/project.py": "waits for Docker, within a limit, from code that is not async",
    "tests/containers/zero_downtime.py": "measures what happens while nothing does",
    "tests/benchmarks/simulation/test_processors.py": "virtual time, which passes at once",
    "tests/benchmarks/simulation/test_virtual_time.py": "the same",
}
MAY_REPLACE = {
    "tests/counts/json_parses.py": "counts calls of a parser wherever it was imported, and calls it",
    "tests/counts/test_planted.py": "plants what costs too much, to show that it is counted",
    "tests/integration/test_batches.py": "plants a bug: SQL that answers for one command too few",
    "tests/integration/test_deadly_batches.py": "plants a bug: a batch that no writer gets through",
    "tests/integration/test_settling.py": "plants the same bug, to see how often such a batch comes",
}


def test_there_is_something_to_check() -> None:
    assert {source.package for source in ALL} == set(imports.MAY_IMPORT)


def test_packages_import_only_what_their_place_allows() -> None:
    assert [fault for source in ALL for fault in imports.wrong_directions(source)] == []


def test_no_service_brings_in_the_libraries_of_another() -> None:
    assert [fault for source in SERVICES for fault in imports.strange_libraries(source, ALL)] == []


def test_only_settings_read_the_environment() -> None:
    assert [fault for source in ALL for fault in shape.environment_readers(source)] == []


def test_no_service_prints() -> None:
    assert [fault for source in SERVICES + COMMON for fault in shape.printers(source)] == []


def test_tasks_are_started_where_somebody_watches_them() -> None:
    faults = {source.module: shape.task_starters(source) for source in SERVICES + COMMON}

    assert [fault for module, found in faults.items() if module not in MAY_START_TASKS for fault in found] == []
    assert {module for module, found in faults.items() if found} == set(MAY_START_TASKS)


def test_modules_are_one_idea() -> None:
    modules = [source for source in ALL if source not in REVISIONS]  # a revision has the text of each function twice

    assert [fault for source in modules for fault in shape.long_modules(source)] == []


def test_functions_are_small() -> None:
    assert [fault for source in ALL + ALL_TESTS for fault in shape.large_functions(source)] == []


def test_modules_are_named_for_what_they_do() -> None:
    assert [fault for source in ALL + ALL_TESTS for fault in shape.badly_named(source)] == []


def test_what_another_module_imports_has_a_docstring() -> None:
    assert shape.undocumented(ALL, ALL + ALL_TESTS) == []


def test_every_folder_of_tests_opens_with_what_it_proves() -> None:
    assert shape.folders_without_a_word(source for source in ALL_TESTS if source.path.startswith("tests/")) == []


def test_only_problems_decides_the_status_of_an_error() -> None:
    others = [
        source
        for source in SERVICES + COMMON
        if source.module not in {"common.http.problems", "common.http.problem_answers"}
    ]

    assert [fault for source in others for fault in shape.status_deciders(source)] == []


def test_only_topology_writes_the_name_of_a_queue() -> None:
    names = [topology.COMMANDS_NAME, topology.DEAD_LETTERS_NAME, topology.DIRECT_REPLIES_NAME]
    others = [source for source in ALL if source.module != "common.bus.topology"]

    assert [fault for source in others for fault in shape.queue_names(source, names)] == []


def test_connections_to_rabbitmq_are_made_in_one_place() -> None:
    faults = {source.module: connections.made(source) for source in ALL + ALL_TESTS + ASIDE}

    assert [fault for module, found in faults.items() if module not in MAY_CONNECT for fault in found] == []
    assert {module for module, found in faults.items() if found} == set(MAY_CONNECT)


def test_sql_stands_in_queries_and_statements_alone() -> None:
    others = [source for source in ALL if source.package != "migrations"]

    assert [fault for source in others for fault in queries.astray(source)] == []


def test_sql_is_fixed_text() -> None:
    homes = [source for source in ALL if source.name in queries.HOMES]

    assert [fault for source in homes for fault in queries.composed(source)] == []


def test_every_statement_is_bound_to_one_user_and_names_its_columns() -> None:
    homes = [source for source in ALL if source.name in queries.HOMES]

    assert {name: faults for source in homes for name, faults in queries.unbound(source).items()} == {}


def test_every_function_is_bound_to_one_user_and_names_its_columns() -> None:
    made = {path.stem: sql.faults(path.read_text()) for path in SQL_FILES}
    frozen = {name.lower(): faults for revision in REVISIONS for name, faults in queries.functions(revision).items()}

    assert {name for name, faults in made.items() if faults} == NOT_OF_ONE_USER
    assert {name for name, faults in frozen.items() if faults} == NOT_OF_ONE_USER


def test_one_function_runs_with_its_owners_rights_and_does_nothing_but_truncate_slots() -> None:
    made = {path.stem: sql.faults(path.read_text()) for path in SQL_FILES}

    assert {name for name, faults in made.items() if TRUNCATES_SLOTS[0] in faults} == RUNS_AS_OWNER
    assert [made[name] for name in RUNS_AS_OWNER] == [TRUNCATES_SLOTS]


def test_every_table_with_rows_of_users_is_looked_at() -> None:
    with_users = {table.name for table in SQLModel.metadata.tables.values() if "user_id" in table.columns}

    assert with_users == sql.TABLES


def test_tests_wait_for_conditions_and_not_for_a_while() -> None:
    faults = {source.path: proof.sleeps(source) for source in ALL_TESTS}

    assert [fault for path, found in faults.items() if path not in MAY_SLEEP for fault in found] == []
    assert {path for path, found in faults.items() if found} == set(MAY_SLEEP)


def test_tests_use_the_real_thing() -> None:
    faults = {source.path: proof.stand_ins(source) for source in ALL_TESTS}

    assert [fault for path, found in faults.items() if path not in MAY_REPLACE for fault in found] == []
    assert {path for path, found in faults.items() if found} == set(MAY_REPLACE)


def test_every_revision_has_its_timeouts_and_a_way_back() -> None:
    assert [fault for revision in REVISIONS for fault in migrations.faults(revision)] == []


def test_the_revisions_are_one_chain() -> None:
    chain = migrations.chain(REVISIONS)

    assert [below for _, below in chain] == [None, *(revision for revision, _ in chain[:-1])]


def test_no_file_names_a_package_registry() -> None:
    assert [fault for path, text in repository.tracked() for fault in repository.registries_named(path, text)] == []


def test_no_file_holds_what_a_merge_has_left() -> None:
    assert [fault for path, text in repository.tracked() for fault in repository.merge_markers(path, text)] == []


def test_every_place_that_states_the_version_states_the_same() -> None:
    assert differing(ROOT) == [], "run `make version VERSION=…`"


def test_every_package_and_contract_states_the_licence() -> None:
    assert licence_is_stated(ROOT) == []
