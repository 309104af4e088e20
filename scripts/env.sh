#!/bin/sh
# Make .venv with the locked packages and whale itself, editable. Installs uv into .tools where it is missing.
set -eu
cd "$(dirname "$0")/.."

find_uv() {
    if command -v uv >/dev/null 2>&1; then echo uv; elif [ -x .tools/uv/bin/uv ]; then echo .tools/uv/bin/uv; fi
}

UV=$(find_uv)
if [ -z "$UV" ]; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            echo "env: installing python3-venv" >&2
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        else
            echo "env: needs uv, or python3 with venv: install either and run again" >&2
            exit 1
        fi
    fi
    echo "env: installing uv into .tools/uv" >&2
    python3 -m venv .tools/uv
    .tools/uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.8'
    UV=.tools/uv/bin/uv
fi

[ -x .venv/bin/python ] || "$UV" venv --quiet --python '>=3.11' .venv
echo "env: installing the locked packages into .venv" >&2
"$UV" pip sync --quiet --python .venv --require-hashes --compile-bytecode requirements.lock
"$UV" pip install --quiet --python .venv --no-deps --editable .
