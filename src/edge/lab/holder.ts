import {spawn} from 'node:child_process';
import {writeFile} from 'node:fs/promises';
import {Failure} from '../../failure.js';
import {nodeDir} from './node-files.js';
import {environment} from './shell.js';
import type {Lab, LabNode} from './topology.js';

/**
 * What a node's first process does: it becomes pid 1 of a pid namespace (so that its end ends all that runs on the node) and
 * gives the node a /proc, /sys, /run, /etc and /var/lib of its own. The host's /etc and /var/lib show through as links into a read-only bind, because
 * an overlay cannot be had everywhere and a write must never reach the host. Runs under `sh`, arguments: folder, then `name=netns` of each pod.
 */
const script = `set -e
dir=$1
host=$2
shift 2
# Still the host's /proc, so this is the pid as the host counts it.
read -r pid rest < /proc/self/stat
echo "pid $pid"
echo "$host" > /proc/sys/kernel/hostname
mount -n -t proc proc /proc
mount -n -t sysfs sysfs /sys

# ip_forward first: writing it resets other keys.
cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 0 > ipv4/conf/all/rp_filter
echo 2 > ipv4/conf/default/rp_filter
if [ -d ipv6 ]; then
  echo 1 > ipv6/conf/all/forwarding
  echo 0 > ipv6/conf/default/accept_dad
  echo 0 > ipv6/conf/default/accept_ra
fi
if [ -d bridge ]; then
  echo 1 > bridge/bridge-nf-call-iptables
  echo 1 > bridge/bridge-nf-call-ip6tables
fi
cd /

root=$dir/root
mkdir -p "$root"
mount -n -t tmpfs -o mode=755 lab "$root"
mkdir "$root/run" "$root/etc" "$root/lib"
mount -n -t tmpfs -o mode=755 run "$root/run"
mount -n -t tmpfs -o mode=755 etc "$root/etc"
mount -n -t tmpfs -o mode=755 lib "$root/lib"
mkdir -p "$root/run/netns" "$root/run/lab/etc" "$root/run/lock" "$root/run/sshd" "$root/run/lab/var-lib" "$root/lib/cni" "$root/lib/flanctl"
mount -n --rbind /etc "$root/run/lab/etc"
mount -n -o remount,bind,ro "$root/run/lab/etc"
mount -n --bind /var/lib "$root/run/lab/var-lib"
mount -n -o remount,bind,ro "$root/run/lab/var-lib"
cp -R "$dir/files/." "$root/"
for entry in /etc/* /etc/.[!.]*; do
  name=\${entry##*/}
  if [ -e "$root/etc/$name" ]; then continue; fi
  # A link of the host may be relative to /etc, so it is copied as it is.
  if [ -L "$entry" ]; then links="$links $name"; elif [ -e "$entry" ]; then own="$own /run/lab/etc/$name"; fi
done
if [ -n "$links" ]; then (cd /etc && cp -P $links "$root/etc/"); fi
ln -s $own "$root/etc/"
for pod; do
  : > "$root/run/netns/\${pod%%=*}"
  mount -n --bind "/run/netns/\${pod#*=}" "$root/run/netns/\${pod%%=*}"
  nsenter --net="/run/netns/\${pod#*=}" sh -c '
    cd /proc/sys/net
    echo 0 > ipv4/ip_forward
    echo 0 > ipv4/conf/all/rp_filter
    echo 0 > ipv4/conf/default/rp_filter
    if [ -d ipv6 ]; then echo 0 > ipv6/conf/default/accept_dad; echo 0 > ipv6/conf/default/accept_ra; fi'
done
# The copies of other namespaces' mounts would keep those alive after their owners removed them.
umount -n -l /run/netns/* /run/netns 2>/dev/null || :
mount -n --move "$root/etc" /etc
# A node keeps its own addresses (cni) and its own memory of changes (flanctl).
for entry in /var/lib/*; do
  if [ -d "$entry" ] && [ ! -e "$root/lib/\${entry##*/}" ]; then ln -s "/run/lab/var-lib/\${entry##*/}" "$root/lib/"; fi
done
mount -n --move "$root/lib" /var/lib
mount -n --move "$root/run" /run
echo ready
exec </dev/null >/dev/null 2>&1
trap 'exit 0' TERM
# As pid 1 it has to collect orphans: wait does.
while :; do
  sleep 86400 &
  wait $!
done
`;

/**
 * Starts a node's holder and waits until the node's file systems and sysctls stand; its pid as this machine counts it.
 * @throws Failure with what went wrong inside.
 */
export async function startHolder(lab: Lab, node: LabNode, signal?: AbortSignal): Promise<number> {
  const file = `${nodeDir(lab, node)}/holder.sh`;
  await writeFile(file, script);
  signal?.throwIfAborted();
  const pods = node.pods.map((pod) => `${pod.name}=${pod.netns}`);
  const argv = [
    `--net=/run/netns/${node.netns}`,
    'unshare',
    '--mount',
    '--uts',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    file,
    nodeDir(lab, node),
    node.name,
    ...pods,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', argv, {stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/', env: environment()});
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      const ready = /^pid (\d+)\nready$/m.exec(out);
      if (!ready) return;
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(Number(ready[1]));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk;
    });
    child.on('error', (error) => reject(new Failure(`nsenter cannot be started: ${error.message}`)));
    child.on('close', (code) => reject(new Failure(`node ${node.name} could not be started: exit ${code}: ${err.trim() || 'no message'}`)));
  });
}
