/**
 * What the official image's entrypoint does for ordinary uses: POSTGRES_PASSWORD (or _FILE, or
 * POSTGRES_HOST_AUTH_METHOD=trust), POSTGRES_USER, POSTGRES_DB, and scripts in /docker-entrypoint-initdb.d.
 */
export const postgresEntrypoint = `#!/bin/sh
set -eu
[ "\${1:-}" = postgres ] || exec "$@"
user=\${POSTGRES_USER:-postgres}
database=\${POSTGRES_DB:-$user}
method=\${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if [ -n "\${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$PGDATA" /var/run/postgresql
chown -R postgres:postgres "$PGDATA" /var/run/postgresql
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "\${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "Error: superuser password is not specified: set POSTGRES_PASSWORD." >&2
    exit 1
  fi
  secret=$(mktemp)
  printf '%s\\n' "\${POSTGRES_PASSWORD:-unused}" >"$secret"
  chown postgres "$secret"
  as initdb --username="$user" --pwfile="$secret" --encoding=UTF8 -D "$PGDATA" >/dev/null
  rm -f "$secret"
  echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
  as pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
  [ "$database" = postgres ] || as createdb --username="$user" "$database"
  for script in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -f "$script" ] || as psql -v ON_ERROR_STOP=1 --username="$user" --dbname="$database" -f "$script"
  done
  as pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
unset POSTGRES_PASSWORD
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@" -D "$PGDATA" -c listen_addresses='*'
`;
