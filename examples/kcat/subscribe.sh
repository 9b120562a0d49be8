#!/usr/bin/env bash
# Shows the records of one topic of Hadir from its first to the newest, and goes on. Settings come from the environment
# (docs/subscribe.md). For looking: it keeps nothing, commits nothing and needs no group.
set -euo pipefail

: "${HADIR_KAFKA_BOOTSTRAP:?is not set: docs/subscribe.md}"
topics=${HADIR_TOPICS:-coverage.changed.v1}

settings() {
  echo "bootstrap.servers=$HADIR_KAFKA_BOOTSTRAP"
  if [ -n "${HADIR_KAFKA_USERNAME:-}" ]; then
    echo security.protocol=SASL_SSL
    echo sasl.mechanism=SCRAM-SHA-512
    echo "sasl.username=$HADIR_KAFKA_USERNAME"
    echo "sasl.password=$HADIR_KAFKA_PASSWORD"
    echo "ssl.ca.location=${HADIR_KAFKA_CA_FILE:-/etc/ssl/certs/ca-certificates.crt}"
  fi
}

# A file in place of options: a password among those would be seen by everyone who lists processes.
# -Z shows a record without a value (an erasure) as NULL, not as an empty one.
exec kcat -F <(settings) -C -t "${topics%%,*}" -o beginning -m 60 -q -u -Z \
  -f '%t %k %s\n  partition %p, offset %o, %h\n'
