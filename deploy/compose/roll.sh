#!/bin/sh
# Replaces every container of a service by a new one while it serves: `deploy/compose/roll.sh task-reader`. As many new
# ones as there are old ones start beside them; when all are healthy, the old ones stop, and finish what they have.
# COMPOSE is the command to use, with its options, by default `docker compose`. For the gateway, GATEWAY_PORT has to be
# a range for twice as many.
set -eu
service=$1
compose=${COMPOSE:-docker compose}
within_s=${WITHIN_S:-120}

old=$($compose ps -q "$service")
count=$(echo "$old" | grep -c .)
$compose up -d --no-deps --no-recreate --scale "$service=$((2 * count))" "$service"

for container in $($compose ps -q "$service"); do
    waited=0
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do
        waited=$((waited + 1))
        if [ "$waited" -gt "$within_s" ]; then
            echo "A new $service is not healthy after $within_s s; the old ones serve on. Look into its log, then" >&2
            echo "remove the new ones: docker rm --force $container" >&2
            exit 1
        fi
        sleep 1
    done
done
for container in $old; do
    docker stop --time 30 "$container" >/dev/null
    docker rm "$container" >/dev/null
done
echo "$service: replaced $count"
