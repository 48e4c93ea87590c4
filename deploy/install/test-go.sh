#!/bin/sh
# Sees to Go, with which `make interop` builds other makers' clients of the log: from Debian's packages, where there is none.
# Installing needs root. Whether a client builds with the Go that is there, make interop says.
set -eu

if command -v go >/dev/null 2>&1 || [ -x /usr/lib/go/bin/go ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "make interop needs Go 1.19 or newer: run it once as root on Debian, or 'apt-get install golang-go'." >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing for make interop: golang-go (about a minute) ..."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends golang-go; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "make interop needs Go, and apt-get could not install golang-go." >&2
    exit 1
fi
echo "Installed: golang-go"
