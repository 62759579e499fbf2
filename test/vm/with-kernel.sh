#!/bin/sh
# Runs a command as root in a throw-away virtual machine on Debian's stock kernel, which has the devices that a small kernel lacks
# (wireguard, ipip, esp, netem). The machine sees this one's files read-only, under a layer that it may write to and that is gone afterwards.
#   with-kernel.sh COMMAND [ARG...]     exit status: the command's; 125 when the machine did not boot or did not end the command
# stdin is not passed on, stdout and stderr both come out of stdout. Files that are to survive go to $FLANCTL_VM_SHARE, which is writable
# on both sides (a folder of this machine; made and removed here when unset).
#   FLANCTL_VM_CACHE       the unpacked kernel (/var/cache/flanctl-vm)
#   FLANCTL_VM_SECONDS     the longest that the machine may run (900)
#   FLANCTL_VM_MB          its memory (2048)
#   FLANCTL_VM_ACCEL       tcg: emulation, which works everywhere; kvm is faster, but hangs in virtual machines of some providers
# Needs qemu-system-x86, busybox-static, cpio, kmod.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${FLANCTL_VM_CACHE:-/var/cache/flanctl-vm}
[ $# -gt 0 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
fail() { say "the virtual machine: $*"; exit 125; }

work=$(mktemp -d)
machine=
# The machine first: it may have files open here. `timeout` hands the signal on to qemu.
trap 'trap "" HUP INT TERM; [ -z "$machine" ] || { kill -TERM "$machine" 2>/dev/null; wait "$machine"; } || :; rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Debian's newest stock kernel.
if ! [ -e "$cache/kernel/complete" ]; then
  [ "$(uname -m)" = x86_64 ] || fail "no kernel is known for $(uname -m)"
  named() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1; }
  package=$(named)
  [ -n "$package" ] || { apt-get update -qq >/dev/null 2>&1 || :; package=$(named); }
  sh "$here/unpack.sh" "$cache/kernel" "${package:-linux-image-amd64}" || fail 'its kernel cannot be had'
fi
release=$(ls "$cache/kernel/lib/modules")

# The first file system: busybox and the modules by which the root is reached, in the order in which they need each other.
first=$work/first
mkdir -p "$first/bin" "$first/modules"
busybox=$(command -v busybox) || fail 'there is no busybox'
cp "$busybox" "$first/bin/busybox"
cp "$here/init.sh" "$first/init"
chmod 755 "$first/init"
number=100
for module in virtio_pci 9pnet_virtio 9p overlay; do
  modprobe -d "$cache/kernel" -S "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' >"$work/modules"
while read -r module; do
  cp "$module" "$first/modules/$number-${module##*/}"
  number=$((number + 1))
done <"$work/modules"
(cd "$first" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"

# What the machine is to do, and where it says how that ended.
share=${FLANCTL_VM_SHARE:-$work/share}
mkdir -p "$share" "$work/orders"
quote() { printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
{
  printf 'modules=%s\nrelease=%s\n' "$(quote "$cache/kernel/lib/modules/$release")" "$release"
  printf 'export FLANCTL_VM_SHARE=%s\n' "$(quote "$share")"
  env | sed -n 's/^\(FLANCTL_[A-Z_]*\|PATH\|CI\|NO_COLOR\|FORCE_COLOR\)=.*/\1/p' | grep -v '^FLANCTL_VM_' | while read -r name; do
    eval "value=\$$name"
    printf 'export %s=%s\n' "$name" "$(quote "$value")"
  done
  printf 'cd %s\nset --' "$(quote "$PWD")"
  for word; do printf ' %s' "$(quote "$word")"; done
  echo
} >"$work/orders/orders.sh"
cp "$here/guest.sh" "$work/orders/guest.sh"

accel=${FLANCTL_VM_ACCEL:-tcg}
[ "$accel" != tcg ] || accel=tcg,thread=multi
# no_timer_check: on a busy host the emulated timer may seem dead to the kernel, which would panic.
# In the background, since sh would hear of a signal only when what is before it has ended.
rc=0
timeout --foreground "${FLANCTL_VM_SECONDS:-900}" qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m "${FLANCTL_VM_MB:-2048}" \
  -display none -monitor none -no-reboot -nic none -serial "file:$work/console" -serial stdio \
  -kernel "$cache/kernel/boot/vmlinuz-$release" -initrd "$work/initrd" \
  -append 'console=ttyS0 loglevel=4 panic=1 mitigations=off no_timer_check' \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  -virtfs "local,path=$work/orders,mount_tag=orders,security_model=none" \
  -virtfs "local,path=$share,mount_tag=share,security_model=none" \
  </dev/null 2>"$work/qemu" &
machine=$!
wait "$machine" || rc=$?
machine=
if [ -s "$work/orders/status" ]; then exit "$(cat "$work/orders/status")"; fi
[ "$rc" != 124 ] || say "the virtual machine was ended after ${FLANCTL_VM_SECONDS:-900} seconds"
say "the virtual machine did not come to an end (qemu: $rc); the last that it said:"
for said in "$work/qemu" "$work/console"; do tail -n 25 "$said" 2>/dev/null; done | tr -d '\r' >&2
exit 125
