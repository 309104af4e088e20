#!/bin/sh
# Make .venv with the locked packages and whale itself, editable; does nothing where that is done already.
# Installs uv into .tools, and Python through apt, where they are missing. Must never touch the system's Python packages.
set -eu
cd "$(dirname "$0")/.."

say() { echo "env: $*" >&2; }

die() {
    say "$*"
    exit 1
}

inputs() { cat requirements.lock pyproject.toml scripts/env.sh | cksum; }

install_python() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || die "needs uv, or python3 with venv: install either and run again"
    say "installing python3-venv with apt-get"
    apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv ca-certificates >/dev/null
}

find_uv() {
    if [ -x .tools/uv/bin/uv ]; then echo .tools/uv/bin/uv; elif command -v uv >/dev/null 2>&1; then command -v uv; fi
}

install_uv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_python
    say "installing uv into .tools/uv"
    rm -rf .tools/uv
    python3 -m venv .tools/uv
    .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
}

if [ -x .venv/bin/python ] && [ "$(cat .venv/.ready 2>/dev/null)" = "$(inputs)" ]; then exit 0; fi

UV=$(find_uv)
[ -n "$UV" ] || { install_uv; UV=.tools/uv/bin/uv; }
# A .venv whose interpreter was removed or upgraded away is made anew.
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || "$UV" venv --quiet --clear --python '>=3.11' .venv
say "installing the locked packages into .venv"
"$UV" pip sync --quiet --python .venv --require-hashes --compile-bytecode requirements.lock
"$UV" pip install --quiet --python .venv --no-deps --editable .
inputs >.venv/.ready
