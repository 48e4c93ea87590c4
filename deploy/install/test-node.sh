#!/bin/sh
# Sees to Node.js and npm, with which `make interop` runs a client of the SOAP surface: from Debian's packages, where there is none.
# Installing needs root.
set -eu

if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "make interop needs Node.js 18 or newer: run it once as root on Debian, or 'apt-get install nodejs npm'." >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing for make interop: nodejs npm (about a minute) ..."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends nodejs npm; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "make interop needs Node.js, and apt-get could not install nodejs and npm." >&2
    exit 1
fi
echo "Installed: nodejs npm"
