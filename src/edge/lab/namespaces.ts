import {readdir, readFile, readlink, stat} from 'node:fs/promises';
import type {Lab, LabNode} from './topology.js';

/** Named namespaces of a lab on this machine, whatever its state says: `fl-NAME-u`, `fl-NAME-u2`, `fl-NAME-vm`, `fl-NAME-n1`, `fl-NAME-n1-p1`. Sorted. */
export async function namespacesOf(name: string): Promise<string[]> {
  const all = await readdir('/run/netns').catch(() => []);
  // Exact, because `a` must not take what belongs to `a-b`.
  const own = new RegExp(`^fl-${name}-(u2?|vm|n\\d+(-p\\d+)?)$`);
  return all.filter((entry) => own.test(entry)).sort();
}

/** Names of labs that have namespaces. */
export async function namesInUse(): Promise<string[]> {
  const all = await readdir('/run/netns').catch(() => []);
  return [...new Set(all.flatMap((entry) => /^fl-([a-z0-9-]{1,12})-(u2?|vm|n\d+(-p\d+)?)$/.exec(entry)?.[1] ?? []))].sort();
}

const identity = async (path: string): Promise<string | undefined> => {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
};

/** Is the node's holder, or the host's relay, the process that was started? A pid is used again by the next comer; a network namespace is not. */
export async function alive(node: Pick<LabNode, 'pid' | 'netns'>): Promise<boolean> {
  if (node.pid === undefined) return false;
  const [process, namespace] = await Promise.all([identity(`/proc/${node.pid}/ns/net`), identity(`/run/netns/${node.netns}`)]);
  return process !== undefined && process === namespace;
}

export async function allAlive(lab: Lab): Promise<boolean> {
  const relaying = (lab.cloud?.hosts ?? []).filter((host) => host.wire !== undefined);
  return (await Promise.all([...lab.nodes, ...relaying].map(alive))).every(Boolean);
}

export interface Inhabitant {
  readonly pid: number;
  readonly netns: string;
  readonly command: string;
  /** Started by the lab: pid 1 of a node, or on its way to become that; what carries a host's packets. */
  readonly holder: boolean;
}

/** Processes of this machine that live in the lab's namespaces, found by looking, not by what was written down. */
export async function inhabitants(name: string): Promise<Inhabitant[]> {
  const spaces = new Map<string, string>();
  for (const netns of await namespacesOf(name)) {
    const id = await identity(`/run/netns/${netns}`);
    if (id !== undefined) spaces.set(id, netns);
  }
  if (spaces.size === 0) return [];
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid): Promise<Inhabitant | undefined> => {
      const netns = spaces.get((await identity(`/proc/${pid}/ns/net`)) ?? '');
      if (netns === undefined) return undefined;
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').join(' ').trim();
      return {pid: Number(pid), netns, command, holder: isHolder(command, netns, name)};
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** `sh DIR/NAME/nodes/n1/holder.sh …`, and nsenter and unshare that become it; `python3 DIR/NAME/hosts/host1/gre.py …`. */
function isHolder(command: string, netns: string, name: string): boolean {
  const node = netns.slice(`fl-${name}-`.length);
  const host = node === 'u2' ? 'host2' : 'host1';
  return (
    command.includes(`/${name}/nodes/${node}/holder.sh `) || (/^u2?$/.test(node) && command.includes(`/${name}/hosts/${host}/gre.py `))
  );
}

/** Is the process in a pid namespace other than ours? Then its node's end ends it. */
export async function inOwnPidNamespace(pid: number): Promise<boolean> {
  const [own, its] = await Promise.all([readlink('/proc/self/ns/pid'), readlink(`/proc/${pid}/ns/pid`).catch(() => undefined)]);
  return its !== undefined && its !== own;
}

/** When a process started, in the kernel's clock ticks: with the pid it names one process for ever. */
export async function startedAt(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The command's name in parentheses may hold blanks.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}
