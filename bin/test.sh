#!/bin/sh
# npm test: sets itself up on a fresh machine, builds, checks types and style, and runs every test. As root nothing is skipped.
# --long adds the long runs. Other arguments go to vitest (`npm test -- -u` writes the golden files again; read their diff); file names
# among them choose between the two suites too: what is below test/vm needs a kernel with every device, and runs in a virtual machine
# where this kernel is none. The last line counts both.
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh ip:iproute2 bridge:iproute2 ping:iputils-ping iptables:iptables nft:nftables sshd:openssh-server ssh:openssh-client \
  sudo:sudo busybox:busybox-static nsenter:util-linux brctl:bridge-utils route:net-tools tcpdump:tcpdump ss:iproute2 setpriv:util-linux zstd:zstd ps:procps python3:python3 etcd:etcd-server etcdctl:etcd-client openssl:openssl kubectl:kubernetes-client \
  wg:wireguard-tools
if [ "${1:-}" = --long ]; then
  shift
  FLANCTL_TEST_LONG=1
  export FLANCTL_TEST_LONG
fi
other=no
virtual=no
value=no
for word; do
  # What follows -t is a test's name and no file's.
  if [ "$value" = yes ]; then
    value=no
    continue
  fi
  case $word in
    test/vm*) virtual=yes ;;
    -t | --testNamePattern) value=yes ;;
    -*) ;;
    *) other=yes ;;
  esac
done
# Without a name, both.
here=$other
devices=$virtual
[ "$other$virtual" != nono ] || here=yes devices=yes

node bin/build.js
npx --no-install tsc --noEmit -p test/tsconfig.json
npx --no-install biome check --error-on-warnings --log-level=warn . >&2

say() { printf '%s\n' "$*" >&2; }
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
failed=0
# A suite that ends without having counted has failed, whatever it says.
suite() {
  counts=$share/$1
  shift
  rc=0
  "$@" || rc=$?
  if [ ! -s "$counts" ]; then
    echo '0 1 0' >"$counts"
    [ "$rc" != 0 ] || rc=1
  fi
  [ "$rc" = 0 ] || failed=$rc
}

vitest=node_modules/vitest/vitest.mjs
[ "$here" = no ] || FLANCTL_TEST_COUNTS=$share/here suite here node "$vitest" run --config test/vitest.config.ts "$@"
if [ "$devices" = yes ]; then
  lacks=
  [ "$(id -u)" != 0 ] || lacks=$(sh test/vm/devices.sh) || lacks=${lacks:-namespaces}
  [ "$(id -u)" = 0 ] || say 'not run, since only root can: the tests of WireGuard, IPIP and IPsec on a kernel that has them'
  if [ "$(id -u)" = 0 ]; then
    FLANCTL_STRONGSWAN=${FLANCTL_VM_CACHE:-/var/cache/flanctl-vm}/strongswan
    export FLANCTL_STRONGSWAN
    sh test/vm/unpack.sh "$FLANCTL_STRONGSWAN" strongswan-charon strongswan-libcharon strongswan-swanctl libstrongswan libstrongswan-standard-plugins ||
      say 'strongSwan cannot be had: its test fails'
  fi
  if [ -z "$lacks" ]; then
    FLANCTL_TEST_COUNTS=$share/devices suite devices node "$vitest" run --config test/vm/vitest.config.ts "$@"
  else
    say "this kernel lacks $lacks: their tests run on Debian's, in a virtual machine"
    sh bin/setup.sh qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio depmod:kmod
    FLANCTL_TEST_COUNTS=/run/share/devices FLANCTL_VM_SHARE=$share suite devices \
      sh test/vm/with-kernel.sh node "$vitest" run --config test/vm/vitest.config.ts "$@"
  fi
fi
cat "$share"/here "$share"/devices 2>/dev/null | awk '{p += $1; f += $2; s += $3} END {printf "\n%d passed, %d failed, %d skipped\n", p, f, s}'
exit "$failed"
