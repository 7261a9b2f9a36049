#!/bin/sh
# Starts a RabbitMQ container with Taskwire's users: puts each one's password, from the environment, into
# definitions.json, and leaves the rest to the image's own entrypoint. README.md beside this file says how to use it.
set -eu
template=${DEFINITIONS_TEMPLATE:-/etc/taskwire/definitions.json}
rendered=${DEFINITIONS_FILE:-/tmp/taskwire-definitions.json}

script=
for name in GATEWAY_BUS_PASSWORD TASK_WRITER_BUS_PASSWORD OPERATOR_BUS_PASSWORD; do
    eval "password=\${$name:-}"
    case $password in
    '') echo "$name is not set: give this RabbitMQ user a password." >&2 && exit 2 ;;
    *[!A-Za-z0-9._~-]*) echo "$name may have letters, digits and . _ ~ - alone: it stands in an address." >&2 && exit 2 ;;
    esac
    script="$script;s/\${$name}/$password/"
done

umask 077
rm -f "$rendered"
printf '%s\n' "$script" | sed -f /dev/stdin "$template" >"$rendered" # not as an argument, which others could see
[ "$(id -u)" -ne 0 ] || chown rabbitmq "$rendered"                   # as whom the image's entrypoint starts the server
if [ -n "${ERLANG_COOKIE:-}" ]; then # the secret that the nodes of a cluster have in common
    rm -f "$HOME/.erlang.cookie"
    printf '%s' "$ERLANG_COOKIE" >"$HOME/.erlang.cookie"
    [ "$(id -u)" -ne 0 ] || chown rabbitmq "$HOME/.erlang.cookie"
    unset ERLANG_COOKIE # RabbitMQ would use it, and warn of that
fi
[ $# -gt 0 ] || set -- rabbitmq-server
exec docker-entrypoint.sh "$@"
