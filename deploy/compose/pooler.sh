#!/bin/sh
# Starts PgBouncer in transaction mode between the services and PostgreSQL. It logs in as the role of its client, with
# the passwords from the environment, and so row-level security binds as it does without it.
set -eu
umask 077
cat >/tmp/users.txt <<USERS
"taskwire_writer" "$WRITER_DATABASE_PASSWORD"
"taskwire_reader" "$READER_DATABASE_PASSWORD"
USERS
cat >/tmp/pgbouncer.ini <<'INI'
[databases]
taskwire = host=postgres port=5432 dbname=taskwire

[pgbouncer]
pool_mode = transaction
listen_addr = 0.0.0.0
listen_port = 5432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /tmp/users.txt
; Clients are many and cheap, connections to PostgreSQL are few: so many for each role.
max_client_conn = 1000
default_pool_size = 20
; A client that has waited longer than the services do is not served any more.
query_wait_timeout = 5
server_connect_timeout = 5
server_idle_timeout = 600
log_connections = 0
log_disconnections = 0
INI
exec pgbouncer /tmp/pgbouncer.ini
