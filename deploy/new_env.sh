#!/bin/sh
# Writes `.env` for docker-compose.yml: secrets made here and now, a key pair for tokens, one for the tokens of
# browsers' sessions, one for receipts, one for proofs and one for messages, and a certificate for Kafka's outer
# listener. HADIR_KAFKA_EXTERNAL_NAME=kafka.bekasikota.go.id:9094 says where that is reached. Overwrites nothing.
set -eu
cd "$(dirname "$0")/.."
umask 077

if [ -e .env ]; then
    echo ".env is there already; move it away first to make new secrets (the databases keep the old passwords)." >&2
    exit 1
fi
command -v openssl >/dev/null || {
    echo "openssl is missing. Install it: sudo apt-get install -y openssl" >&2
    exit 1
}
# Under the names by which `hadir token` finds them, as in the state directory of a local system.
keys=${HADIR_KEYS_DIR:-.keys}
mkdir -p "$keys"
if [ ! -e "$keys/token-key.pem" ]; then
    openssl genpkey -algorithm ed25519 -out "$keys/token-key.pem"
fi
if [ ! -e "$keys/session-key.pem" ]; then
    openssl genpkey -algorithm ed25519 -out "$keys/session-key.pem"
fi
for key in receipt proof; do
    if [ ! -e "$keys/$key-key.pem" ]; then
        openssl genpkey -algorithm ed25519 -out "$keys/$key-key.pem"
    fi
done
if [ ! -e "$keys/message-key.pem" ]; then
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/message-key.pem"
fi
external=${HADIR_KAFKA_EXTERNAL_NAME:-localhost:9094}
host=${external%:*}
case $host in *[!0-9.]*) host=DNS:$host ;; *) host=IP:$host ;; esac
if [ ! -e "$keys/kafka-tls.pem" ]; then
    # Its own authority: clients trust kafka-ca.pem. Ten years, for nothing renews it.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Hadir Kafka" \
        -addext "subjectAltName=$host,DNS:localhost,IP:127.0.0.1" \
        -keyout "$keys/kafka-tls.pem" -out "$keys/kafka-ca.pem" 2>/dev/null
    cat "$keys/kafka-ca.pem" >>"$keys/kafka-tls.pem"
fi
for key in token session; do openssl pkey -in "$keys/$key-key.pem" -pubout; done >"$keys/token-key.pub.pem"
# The services' user in the containers is not this one; the public keys are no secret, and those that sign are in our group.
chmod 755 "$keys"
chmod 644 "$keys/token-key.pub.pem" "$keys/kafka-ca.pem"
chmod 640 "$keys/session-key.pem" "$keys/receipt-key.pem" "$keys/proof-key.pem" "$keys/message-key.pem" \
    "$keys/kafka-tls.pem"

secret() { openssl rand -hex 24; }
{
    echo "# Made by deploy/new_env.sh. Secret: never in a commit."
    echo "HADIR_TOKEN_PUBLIC_KEY_FILE=$keys/token-key.pub.pem"
    echo "HADIR_TOKEN_PRIVATE_KEY_FILE=$keys/session-key.pem"
    echo "HADIR_RECEIPT_KEY_FILE=$keys/receipt-key.pem"
    echo "HADIR_PROOF_KEY_FILE=$keys/proof-key.pem"
    echo "HADIR_MESSAGE_KEY_FILE=$keys/message-key.pem"
    echo "HADIR_KAFKA_TLS_FILE=$keys/kafka-tls.pem"
    [ "$external" = localhost:9094 ] || echo "HADIR_KAFKA_EXTERNAL_NAME=$external"
    echo "HADIR_KEYS_GROUP=$(id -g)"
    for name in POSTGRES SCHEDULING_DATABASE ATTENDANCE_DATABASE REPORTING_DATABASE NOTIFICATIONS_DATABASE \
        KAFKA_ADMIN SCHEDULING_KAFKA ATTENDANCE_KAFKA REPORTING_KAFKA NOTIFICATIONS_KAFKA GRAFANA_ADMIN; do
        echo "HADIR_${name}_PASSWORD=$(secret)"
    done
} >.env
echo "made .env and $keys/token-key.pem (private: for whoever issues tokens; it is not put into a container)"
echo "a token: HADIR_STATE_DIR=$keys .venv/bin/hadir token --role bkpsdm"
