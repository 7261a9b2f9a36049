#!/bin/sh
# Runs once, when PostgreSQL's volume is empty: the owner of the schema, who may make roles but bypasses nothing, the
# database, and a role for a replica. The roles of writer and reader are made by the migrations.
set -eu
psql --host /var/run/postgresql --username "${POSTGRES_USER:-postgres}" --dbname postgres --no-psqlrc \
    --set ON_ERROR_STOP=1 --set owner="$OWNER_DATABASE_PASSWORD" --set replication="$REPLICATION_PASSWORD" <<'SQL'
create role taskwire_owner login createrole nosuperuser nobypassrls password :'owner';
create role taskwire_replica login replication nosuperuser nobypassrls password :'replication';
create database taskwire owner taskwire_owner template template0 encoding 'UTF8';
SQL
echo 'host replication taskwire_replica all scram-sha-256' >>"$PGDATA/pg_hba.conf"
