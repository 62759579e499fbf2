#!/bin/busybox sh
# The machine's first program, from its first file system: finds the host's files and goes there.
b=/bin/busybox
$b mkdir -p /proc /dev /host /layer /root
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in /modules/*; do
  $b insmod "$module" 2>/dev/null || echo "not loaded: $module"
done
# Nobody else writes what was read once, as far as the tests go: so it may be kept.
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose host /host || { echo 'no host'; $b poweroff -f; }
$b mount -t tmpfs -o mode=755 layer /layer
$b mkdir /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root || { echo 'no layer'; $b poweroff -f; }
$b mount -t tmpfs -o mode=755 run /root/run
$b mkdir /root/run/vm
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none orders /root/run/vm || { echo 'no orders'; $b poweroff -f; }
$b umount /dev /proc
# As pid 1 it takes the kernel's own helpers with it: the modules that the kernel asks for come from the new root.
exec $b switch_root /root /bin/sh /run/vm/guest.sh
