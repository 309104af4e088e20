# Runs in whale-demo-db as its main process: a PostgreSQL server with a database `app`, filled by the SQL in $1.
set -eu
home=/srv/database
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
install -d -o postgres -g postgres /run/postgresql "$home"
cd "$home"
if [ ! -e complete ]; then
    rm -rf data
    as_postgres "$bin/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8
    # No network, only the socket: whoever can exec in this container is root in it anyway.
    as_postgres "$bin/pg_ctl" --pgdata=data --wait --options="-c listen_addresses=''" start
    createdb app
    psql --quiet --set ON_ERROR_STOP=1 --command "$1" app
    as_postgres "$bin/pg_ctl" --pgdata=data --wait stop
    touch complete
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$bin/postgres" -D data -c listen_addresses=
