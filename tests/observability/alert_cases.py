"""For each alert, what makes it fire and what does not: samples of metrics, by the job that has them."""

from dataclasses import dataclass

KUBERNETES = frozenset({"kubernetes"})
SHORT, HOUR, SIX_HOURS = 12, 75, 380
"""Samples, one a minute: as long as most rules look back and wait, and the long windows of the objectives, and some."""

type Samples = dict[str, dict[str, str]]
"""By job, then by metric: the values in promtool's notation, without how often."""


@dataclass(frozen=True)
class Case:
    """`bad` makes the alert fire, for `fires` groups of labels; `good` does not. Each is all that there is to see."""

    bad: Samples
    good: Samples
    fires: int = 1
    samples: int = SHORT
    gone: frozenset[str] = frozenset()
    """Jobs whose targets disappear before the end of the bad case."""
    all_replicas: bool = True
    """Whether all targets of such a job disappear, or one."""
    environments: frozenset[str] = KUBERNETES | {"compose"}


COUNT = 'taskwire_http_request_seconds_count{{method="{}",route="/api/{{user_id}}/tasks",status="{}"}}'
BUCKET = 'taskwire_http_request_seconds_bucket{{method="{}",route="/api/{{user_id}}/tasks",status="{}",le="0.5"}}'
COMMANDS, DEAD = 'queue="tasks.commands"', 'queue="tasks.dead-letters"'


def _requests(method: str, per_sample: int, failed: int, slow: int) -> Samples:
    """Of each gateway, a minute: so many requests, of which some fail and some of the others are slow."""
    done = per_sample - failed
    return {
        "gateway": {
            COUNT.format(method, "200"): f"0+{done}",
            COUNT.format(method, "503"): f"0+{failed}",
            BUCKET.format(method, "200"): f"0+{done - slow}",
            BUCKET.format(method, "503"): "0+0",
        }
    }


def _gauge(job: str, metric: str, bad: str, good: str) -> Case:
    return Case(bad={job: {metric: bad}}, good={job: {metric: good}})


def _of_postgres(metrics: dict[str, tuple[str, str]]) -> Case:
    """Of PostgreSQL by CloudNativePG: for each metric the bad value and the good one."""
    bad, good = ({metric: values[which] for metric, values in metrics.items()} for which in (0, 1))
    return Case({"postgres": bad}, {"postgres": good}, environments=KUBERNETES)


CASES: dict[str, list[Case]] = {
    "ServiceDown": [
        Case({"gateway": {"up": "0"}}, {"gateway": {"up": "1"}}, fires=2),
        Case({"task-writer": {"up": "0"}}, {"task-writer": {"up": "1"}}, fires=2),
        Case({"rabbitmq": {"up": "0"}}, {"rabbitmq": {"up": "1"}}, fires=2),
        Case({"postgres": {"up": "0"}}, {"postgres": {"up": "1"}}, fires=2, environments=KUBERNETES),
    ],
    "ServiceMissing": [
        Case(
            {job: {"up": "1"} for job in ("gateway", "task-reader", "task-writer")},
            {job: {"up": "1"} for job in ("gateway", "task-reader", "task-writer")},
            gone=frozenset({gone}),
        )
        for gone in ("gateway", "task-reader", "task-writer")
    ],
    "ReplicaMissing": [
        Case(
            {
                "gateway": {"up": "1"},
                "kube-state-metrics": {
                    'kube_deployment_spec_replicas{deployment="gateway"}': "3",
                    'kube_deployment_status_replicas_available{deployment="gateway"}': "2",
                },
            },
            {
                "gateway": {"up": "1"},
                "kube-state-metrics": {
                    'kube_deployment_spec_replicas{deployment="gateway"}': "3",
                    'kube_deployment_status_replicas_available{deployment="gateway"}': "3",
                },
            },
            environments=KUBERNETES,
        ),
        Case(
            {"task-writer": {"up": "1"}},
            {"task-writer": {"up": "1"}},
            samples=HOUR,
            gone=frozenset({"task-writer"}),
            all_replicas=False,
            environments=frozenset({"compose"}),
        ),
    ],
    "WriterStopped": [_gauge("gateway", f"taskwire_queue_consumers{{{COMMANDS}}}", "0", "1")],
    "BusDown": [_gauge("gateway", 'taskwire_component_up{component="bus"}', "0", "1")],
    "ReadsDown": [_gauge("gateway", 'taskwire_component_up{component="task_reader"}', "0", "1")],
    "DatabaseDown": [
        _gauge("task-reader", 'taskwire_component_up{component="database"}', "0", "1"),
        _gauge("task-writer", 'taskwire_component_up{component="database"}', "0", "1"),
    ],
    "ErrorBudgetBurnsFast": [
        Case(_requests("GET", 100, failed=2, slow=0), _requests("GET", 100, failed=1, slow=0), samples=HOUR),
        Case(_requests("POST", 100, failed=2, slow=0), _requests("POST", 100, failed=0, slow=50), samples=HOUR),
        # With less than one request in ten seconds, of both gateways together, one that fails says nothing.
        Case(_requests("PATCH", 4, failed=4, slow=0), _requests("PATCH", 2, failed=2, slow=0), samples=HOUR),
    ],
    "ErrorBudgetBurns": [
        Case(
            _requests("DELETE", 1000, failed=7, slow=0), _requests("DELETE", 1000, failed=5, slow=0), samples=SIX_HOURS
        ),
    ],
    "LatencyBudgetBurnsFast": [
        Case(_requests("GET", 100, failed=0, slow=15), _requests("GET", 100, failed=0, slow=14), samples=HOUR),
        Case(_requests("PUT", 100, failed=50, slow=10), _requests("PUT", 100, failed=100, slow=0), samples=HOUR),
    ],
    "LatencyBudgetBurns": [
        Case(_requests("POST", 100, failed=0, slow=7), _requests("POST", 100, failed=0, slow=5), samples=SIX_HOURS),
    ],
    "OutcomesUnknown": [_gauge("gateway", 'taskwire_writes_failed_total{outcome="unknown"}', "0+1", "7")],
    "ServerFull": [
        _gauge("gateway", 'taskwire_http_requests_refused_total{reason="overloaded"}', "0+1", "7"),
        _gauge("task-reader", 'taskwire_http_requests_refused_total{reason="overloaded"}', "0+1", "7"),
    ],
    "QueueGrows": [
        _gauge("gateway", f"taskwire_queue_messages{{{COMMANDS}}}", "101", "100"),
        _gauge("gateway", 'taskwire_waiting{lane="commands"}', "1025", "1024"),
    ],
    "DeadLetters": [_gauge("gateway", f"taskwire_queue_messages{{{DEAD}}}", "1", "0")],
    "DatabaseClockDiffers": [
        _gauge("gateway", "taskwire_database_clock_skew_seconds", "0.6", "0.5"),
        _gauge("gateway", "taskwire_database_clock_skew_seconds", "-0.6", "-0.5"),
    ],
    "BadReplies": [_gauge("gateway", "taskwire_bad_replies_total", "0+1", "7")],
    "PoolTooSmall": [
        _gauge("task-reader", "taskwire_database_waiting", "1", "0"),
        _gauge("task-writer", "taskwire_database_waiting", "1", "0"),
    ],
    "ReplicaLags": [
        Case(
            {"task-reader": {"taskwire_replication_lag_seconds": "6"}},
            {"task-reader": {"taskwire_replication_lag_seconds": "5"}},
            fires=2,
        ),
    ],
    "BackgroundFails": [_gauge("task-writer", 'taskwire_background_failures_total{task="bus"}', "0+1", "7")],
    "CleanupBehind": [
        Case(
            {"task-writer": {"taskwire_cleanup_behind": "1"}},
            {"task-writer": {"taskwire_cleanup_behind": "0x20 1"}},
            samples=HOUR,
        ),
    ],
    "ClocksDiffer": [
        _gauge("task-writer", "taskwire_clock_skew_seconds", "-0.6", "-0.5"),
        Case(
            {
                "task-writer": {"taskwire_clock_skew_seconds": "0.6"},
                "gateway": {f"taskwire_queue_messages{{{COMMANDS}}}": "0"},
            },
            {
                "task-writer": {"taskwire_clock_skew_seconds": "0.6"},
                "gateway": {f"taskwire_queue_messages{{{COMMANDS}}}": "1"},
            },
        ),
    ],
    "RabbitMQAlarm": [
        _gauge("rabbitmq", "rabbitmq_alarms_memory_used_watermark", "1", "0"),
        _gauge("rabbitmq", "rabbitmq_alarms_free_disk_space_watermark", "1", "0"),
    ],
    "RabbitMQNodeUnreachable": [_gauge("rabbitmq", "rabbitmq_unreachable_cluster_peers_count", "1", "0")],
    "PostgresReplicaMissing": [_of_postgres({"cnpg_pg_replication_streaming_replicas": ("1", "2")})],
    "WalArchivingFails": [
        _of_postgres(
            {
                "cnpg_pg_stat_archiver_last_failed_time": ("900", "800"),
                "cnpg_pg_stat_archiver_last_archived_time": ("899", "900"),
            }
        ),
        _of_postgres(
            {
                "cnpg_pg_stat_archiver_last_failed_time": ("1", "-1"),
                "cnpg_pg_stat_archiver_last_archived_time": ("-1", "-1"),
            }
        ),
    ],
    "BackupMissing": [
        _of_postgres({"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": ("-172800", "-172000")})
    ],
}
