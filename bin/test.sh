#!/bin/sh
# npm test: sets itself up on a fresh machine, builds, checks types and style, and runs every test. As root nothing is skipped.
# --long adds the long runs. Other arguments go to vitest (`npm test -- -u` writes the golden files again; read their diff).
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh ip:iproute2 bridge:iproute2 ping:iputils-ping iptables:iptables nft:nftables sshd:openssh-server ssh:openssh-client \
  sudo:sudo busybox:busybox-static nsenter:util-linux brctl:bridge-utils route:net-tools tcpdump:tcpdump ss:iproute2 setpriv:util-linux zstd:zstd ps:procps python3:python3 etcd:etcd-server etcdctl:etcd-client openssl:openssl kubectl:kubernetes-client
if [ "${1:-}" = --long ]; then
  shift
  FLANCTL_TEST_LONG=1
  export FLANCTL_TEST_LONG
fi
node bin/build.js
npx --no-install tsc --noEmit -p test/tsconfig.json
npx --no-install biome check --error-on-warnings --log-level=warn . >&2
exec npx --no-install vitest run --config test/vitest.config.ts "$@"
