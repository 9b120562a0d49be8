#!/bin/sh
# Checks the compose files, alone and with each overlay, with whatever Compose this machine has; gets one if none.
set -eu
cd "$(dirname "$0")/.."

if docker compose version >/dev/null 2>&1; then
    compose="docker compose"
elif command -v docker-compose >/dev/null; then
    compose="docker-compose"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing docker-compose to check the compose files" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-compose >&2
    compose="docker-compose"
else
    echo "Compose is missing, so the compose files cannot be checked. Install it: sudo apt-get install -y docker-compose" >&2
    exit 1
fi

nothing=$(mktemp)
trap 'rm -f "$nothing"' EXIT

# Values for this check only: the files hold no default for a secret.
secrets=$(sed -n 's/.*${\(HADIR_[A-Z_]*\):?.*/\1/p' docker-compose.yml deploy/*/compose.yml | sort -u)
check() {
    # shellcheck disable=SC2046,SC2086
    env $(for name in $secrets; do echo "$name=check"; done) HADIR_TOKEN_PUBLIC_KEY_FILE=deploy/check_compose.sh \
        HADIR_TOKEN_PRIVATE_KEY_FILE=deploy/check_compose.sh HADIR_OIDC_MAPPING_FILE=deploy/check_compose.sh \
        HADIR_RECEIPT_KEY_FILE=deploy/check_compose.sh HADIR_PROOF_KEY_FILE=deploy/check_compose.sh \
        HADIR_MESSAGE_KEY_FILE=deploy/check_compose.sh HADIR_OIDC_CLIENT_SECRET_FILE=deploy/check_compose.sh \
        HADIR_SMTP_PASSWORD_FILE=deploy/check_compose.sh HADIR_KAFKA_TLS_FILE=deploy/check_compose.sh \
        $compose --env-file "$nothing" "$@" config -q
    echo "compose: $* is valid"
}
check -f docker-compose.yml
for overlay in deploy/*/compose.yml; do
    check -f docker-compose.yml -f "$overlay"
    all="${all:-} -f $overlay"
done
# shellcheck disable=SC2086
check -f docker-compose.yml $all

# And without them it must refuse, saying what to do.
if answer=$(env -i PATH="$PATH" $compose --env-file "$nothing" -f docker-compose.yml config -q 2>&1); then
    echo "docker-compose.yml starts without its secrets: each must be required" >&2
    exit 1
fi
case "$answer" in
*deploy/new_env.sh*) ;;
*)
    echo "docker-compose.yml refuses to start without secrets, but does not say what to do: $answer" >&2
    exit 1
    ;;
esac
