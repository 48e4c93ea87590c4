#!/bin/sh
# Sees to what the tests start for themselves, from Debian's packages: RabbitMQ and PostgreSQL; libfaketime, with which they set the
# clock of one process; SoftHSM, an HSM in software; unzip and poppler, which judge bundles of evidence.
#
# Nothing is done for what is installed already. Installing needs root; the packages' own services are kept from starting, now
# and at the next boot: tests run private copies. That holds also when LGSP_TEST_AMQP_URL or LGSP_TEST_POSTGRES_DSN name
# servers for the tests that only talk to one: the tests that stop and kill a server need one of their own.
set -eu

have() {
    command -v "$1" >/dev/null 2>&1 && return 0
    shift
    for candidate in "$@"; do
        [ -x "$candidate" ] && return 0
    done
    return 1
}

packages=
have rabbitmq-server /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server /opt/rabbitmq/sbin/rabbitmq-server \
    || packages="rabbitmq-server"
have postgres /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
    || packages="${packages:+$packages }postgresql"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib64/faketime/libfaketimeMT.so.1 2>/dev/null | grep -q . \
    || packages="${packages:+$packages }libfaketime"
have softhsm2-util || packages="${packages:+$packages }softhsm2"
have unzip || packages="${packages:+$packages }unzip"
have pdftotext || packages="${packages:+$packages }poppler-utils"
[ -n "$packages" ] || exit 0

mend() {
    echo "Tests that need these will be skipped (with CI set: fail), because $1: $packages" >&2
    echo "To mend it: run 'make test' once as root, or 'apt-get install $packages';" >&2
    echo "LGSP_TEST_AMQP_URL and LGSP_TEST_POSTGRES_DSN name running servers for the tests that only talk to one." >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || mend "these are not installed and this is not a Debian system"
[ "$(id -u)" -eq 0 ] || mend "these are not installed and only root can install them"

# Debian asks this file whether a package may start its service: 101 means no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
fi

log=$(mktemp)
echo "Installing for the tests, without starting any service: $packages (about two minutes) ..."
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of package names
if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    mend "apt-get could not install these"
fi
rm -f "$log"
if [ -d /run/systemd/system ]; then
    # shellcheck disable=SC2086 # a list; what is no service has none to disable
    systemctl disable --quiet $(printf '%s\n' $packages | grep -v -e '^lib' -e '^softhsm' -e '^unzip' -e '^poppler') || echo "Note: the services may start at the next boot: $packages" >&2
fi
echo "Installed: $packages"
