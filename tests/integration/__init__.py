"""One part on real servers: SQL, migrations, roles and row-level security on PostgreSQL, delivery on RabbitMQ.

At most once, one outcome for each command, dead letters, keys, poolers, TLS: each is proved where it can fail, without
a broker in memory or a mock. All share one migrated database, and each test works under user ids of its own.
"""
