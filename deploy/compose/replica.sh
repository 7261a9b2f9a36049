#!/bin/sh
# Starts a streaming replica: copies the primary when the volume is empty, then follows it. A replica that was away for
# longer than the primary keeps its WAL (wal_keep_size) says so in its log: remove its volume, and it copies again.
set -eu
export PGPASSFILE=/tmp/passwords # what is copied names this file, and so the password can change
(umask 077 && echo "*:*:*:taskwire_replica:$REPLICATION_PASSWORD" >"$PGPASSFILE")
copied=$PGDATA/copied
if [ ! -e "$copied" ]; then
    mkdir -p "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete # what a copy that broke off has left
    chmod 700 "$PGDATA"
    pg_basebackup --host postgres --username taskwire_replica --pgdata "$PGDATA" \
        --wal-method stream --checkpoint fast --write-recovery-conf
    touch "$copied"
fi
# With feedback the primary does not remove rows under the replica's queries. A primary that went away without a word is
# noticed after wal_receiver_timeout.
exec postgres -c hot_standby_feedback=on -c wal_receiver_timeout=10s -c max_connections=200 -c shared_buffers=256MB \
    -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
