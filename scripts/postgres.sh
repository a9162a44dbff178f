# A PostgreSQL server of the tests' own, on a free port of this machine; read by bash with `.`.
# start_postgres FOLDER sets ANDON_TEST_POSTGRES; stop_postgres FOLDER ends it.

postgres_bin() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }

# A server refuses to run as root: it runs as the packages' own user then.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

start_postgres() {
  local folder=$1 bin port
  bin=$(postgres_bin)
  mkdir -p "$folder"
  [ "$(id -u)" != 0 ] || chown postgres "$folder"
  port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
  as_postgres "$bin/initdb" -D "$folder/data" -U andon --auth=trust -E UTF8 --locale=C >"$folder.log" 2>&1
  as_postgres "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=300" start >>"$folder.log" 2>&1
  export ANDON_TEST_POSTGRES="postgres://andon@127.0.0.1:$port/postgres"
}

stop_postgres() { as_postgres "$(postgres_bin)/pg_ctl" -D "$1/data" -m immediate stop >/dev/null 2>&1 || true; }
