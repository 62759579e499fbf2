#!/bin/sh
# What a fresh clone needs before anything runs: the npm packages, and as root the Debian packages named as arguments.
# Says what it does, on stderr; does nothing when everything is there.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

command -v node >/dev/null 2>&1 || { say 'flanctl needs Node.js 20.19 or later, and there is no node'; exit 2; }
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || {
  say "flanctl needs Node.js 20.19 or later; this is $(node --version)"
  exit 2
}

# Where node_modules is a link, it is somebody else's folder, which npm ci would empty.
if [ ! -L node_modules ] && { [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; }; then
  say 'installing npm packages …'
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi

# Debian packages by the command that each brings; only what is missing, and only as root.
missing=''
for need in "$@"; do
  tool=${need%%:*} package=${need#*:}
  PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$tool" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing Debian packages:$missing …"
    # shellcheck disable=SC2086
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; then
      apt-get update -qq >/dev/null
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
  else
    say "not installed, and only root can:$missing"
  fi
fi
