#!/bin/sh
# npm run demo: from a fresh clone to a healed cluster. Needs root for the lab; without namespaces it shows a recorded one and says so.
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh ip:iproute2 ping:iputils-ping iptables:iptables nft:nftables nsenter:util-linux
[ -f oclif.manifest.json ] && [ -z "$(find src package.json -newer oclif.manifest.json -print -quit)" ] || node bin/build.js >&2
exec node bin/demo.js "$@"
