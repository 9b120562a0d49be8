#!/bin/sh
# Runs once, when the server's data folder is empty: one role and one database for each service, and no way into
# another's.
set -eu

make() {
    service=$1
    password=$2
    psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v service="$service" -v password="$password" <<-'SQL'
        create role :"service" login password :'password' connection limit 100;
        create database :"service" owner :"service";
        revoke connect, temporary on database :"service" from public;
SQL
}

make scheduling "$HADIR_SCHEDULING_DATABASE_PASSWORD"
make attendance "$HADIR_ATTENDANCE_DATABASE_PASSWORD"
make reporting "$HADIR_REPORTING_DATABASE_PASSWORD"
make notifications "$HADIR_NOTIFICATIONS_DATABASE_PASSWORD"
