#!/usr/bin/env bash
# Runs the tests against SQLite and a private, throw-away Postgres cluster.
#
#   scripts/test.sh [ARGUMENT…]              cargo test --locked --workspace ARGUMENT…; with -p PACKAGE that alone
#   scripts/test.sh --with-postgres CMD…     CMD… with such a cluster, in the folder it is called from
#   scripts/test.sh --help                   this text
#
# The cluster lives in a temporary folder, listens on a free port of 127.0.0.1 and is gone afterwards, also
# when a test fails or on Ctrl-C. The command finds its address in HOLDFAST_TEST_POSTGRES.
#
# Variables:
#   HOLDFAST_TEST_POSTGRES   postgres://… of a server to use instead; no cluster is started then. Its user must
#                            be allowed to create databases.
#   HOLDFAST_PG_BIN          folder of initdb and pg_ctl. When set it alone is searched and nothing is installed.
#
# Without Postgres on the machine, root (or whoever has sudo without a password) gets it through apt-get.
set -euo pipefail

readonly FIRST_PORT=15000      # ports from here on, below the range that systems give to outgoing connections
readonly PORTS=15000
readonly START_ATTEMPTS=10     # another process may take a port between the look and the start
readonly START_SECONDS=60
readonly STOP_SECONDS=30
readonly MAX_CONNECTIONS=200

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cluster=""
owner=""

note() { printf 'test.sh: %s\n' "$*" >&2; }

fail() {
  note "error: $1"
  shift
  if [ $# -gt 0 ]; then printf 'hint: %s\n' "$@" >&2; fi
  exit 1
}

# Prints the folder that holds initdb and pg_ctl, the newest version first where several are installed.
find_postgres() {
  local folders folder
  if [ -n "${HOLDFAST_PG_BIN:-}" ]; then
    folders="$HOLDFAST_PG_BIN"
  else
    folders="$(dirname "$(command -v initdb || echo /)")
$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)"
  fi
  while read -r folder; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
      printf '%s\n' "$folder"
      return 0
    fi
  done <<<"$folders"
  return 1
}

install_postgres() {
  local packages="install Postgres 14 or newer (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
postgresql-server; macOS: brew install postgresql), or set HOLDFAST_PG_BIN or HOLDFAST_TEST_POSTGRES"
  local as_root=()
  if [ -n "${HOLDFAST_PG_BIN:-}" ]; then
    fail "HOLDFAST_PG_BIN=$HOLDFAST_PG_BIN does not hold initdb and pg_ctl" "$packages"
  elif ! command -v apt-get >/dev/null; then
    fail "Postgres is not installed, and this machine has no apt-get" "$packages"
  elif [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "Postgres is not installed, and installing it needs root" "$packages"
    as_root=(sudo -n)
  fi
  note "Postgres is not installed: installing it with apt-get"
  # The expansion below is empty-safe for bash older than 4.4 too.
  if ! { ${as_root[@]+"${as_root[@]}"} apt-get update &&
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends postgresql; } >&2 </dev/null; then
    fail "apt-get could not install Postgres" "$packages"
  fi
}

# Postgres refuses to run as root, so root lends it a user without rights.
as_owner() {
  if [ -z "$owner" ]; then
    "$@"
  elif command -v runuser >/dev/null; then
    runuser -u "$owner" -- "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups -- "$@"
  else
    # shellcheck disable=SC2016 # the inner shell expands them
    su -s /bin/sh "$owner" -c 'exec "$0" "$@"' -- "$@"
  fi
}

remove_cluster() {
  [ -n "$cluster" ] || return 0
  # A second Ctrl-C must not leave a server behind.
  trap '' INT TERM HUP
  cd /
  if [ -e "$cluster/data/postmaster.pid" ]; then
    as_owner "$pg_bin/pg_ctl" stop -D "$cluster/data" -m immediate -w -t "$STOP_SECONDS" >/dev/null 2>&1 ||
      note "the cluster in $cluster did not stop"
  fi
  rm -rf "$cluster"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

create_cluster() {
  if [ "$(id -u)" -eq 0 ]; then
    owner=nobody
    if id postgres >/dev/null 2>&1; then owner=postgres; fi
  fi
  # Made by its owner, with the rights of its owner alone.
  cluster="$(cd / && as_owner mktemp -d "${TMPDIR:-/tmp}/holdfast-pg.XXXXXX")"
  local output
  if ! output="$(cd "$cluster" && as_owner "$pg_bin/initdb" -D "$cluster/data" -U postgres -A trust -E UTF8 \
    --locale=C --no-sync 2>&1)"; then
    printf '%s\n' "$output" >&2
    fail "initdb failed"
  fi
}

# Starts the cluster with the given settings, and prints its port.
start_cluster() {
  local settings="$1" attempt port
  for ((attempt = 0; attempt < START_ATTEMPTS; attempt++)); do
    port=$((FIRST_PORT + RANDOM % PORTS))
    if port_is_taken "$port"; then continue; fi
    if (cd "$cluster" && as_owner "$pg_bin/pg_ctl" start -D "$cluster/data" -l "$cluster/log" -w \
      -t "$START_SECONDS" -o "-c listen_addresses=127.0.0.1 -c port=$port \
-c unix_socket_directories='$cluster' -c max_connections=$MAX_CONNECTIONS $settings") >/dev/null 2>&1; then
      printf '%s\n' "$port"
      return 0
    fi
  done
  if [ -e "$cluster/log" ]; then cat "$cluster/log" >&2; fi
  fail "the private Postgres cluster did not start"
}

# Whether cargo's arguments choose packages by themselves.
names_package() {
  local argument
  for argument in "$@"; do
    case "$argument" in
    --) return 1 ;;
    -p* | --package*) return 0 ;;
    esac
  done
  return 1
}

# Nothing of a test's cluster outlives it, so it need not survive a power cut. `--with-postgres` keeps the
# server's own defaults: a measurement against it counts what a commit really costs.
settings="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
case "${1:-}" in
-h | --help)
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
  exit 0
  ;;
--with-postgres)
  shift
  [ $# -gt 0 ] || fail "--with-postgres needs a command"
  settings=""
  command=("$@")
  ;;
*)
  cd "$root"
  command=(cargo test --locked)
  if ! names_package "$@"; then command+=(--workspace); fi
  command+=("$@")
  ;;
esac

if [ -z "${HOLDFAST_TEST_POSTGRES:-}" ]; then
  if ! pg_bin="$(find_postgres)"; then
    install_postgres
    pg_bin="$(find_postgres)" || fail "Postgres was installed, but initdb and pg_ctl are not in /usr/lib/postgresql/*/bin"
  fi
  trap remove_cluster EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  create_cluster
  port="$(start_cluster "$settings")"
  # The tests find psql and createdb where the server was found.
  export HOLDFAST_PG_BIN="$pg_bin"
  export HOLDFAST_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
fi

"${command[@]}"
