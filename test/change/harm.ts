import type {ChildProcess} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {runIn} from '../../src/edge/lab/exec.js';
import {startSshd} from '../../src/edge/lab/sshd.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/** What can end in the middle of a change: flanctl itself, the operator's link to all nodes, one node's sshd, one node's disk. */
export const kinds = ['kill', 'link', 'sshd', 'disk'] as const;
export type Kind = (typeof kinds)[number];
export interface Point {
  readonly kind: Kind;
  readonly at: string;
}

export async function put(lab: Lab, node: string, script: string): Promise<string> {
  const ran = await runIn(lab, node, script);
  if (ran.code !== 0) throw new Error(`${node}: ${script}: ${ran.stderr}`);
  return ran.stdout;
}

/** What is done to the cluster while flanctl stands still, and what is put right afterwards. */
export const harm: {readonly [K in Kind]: {do: (lab: Lab, child: ChildProcess) => Promise<void>; mend: (lab: Lab) => Promise<void>}} = {
  kill: {
    do: async (_, child) => {
      child.kill('SIGKILL');
    },
    mend: async () => undefined,
  },
  link: {
    do: async (lab) => {
      for (const {name} of lab.nodes)
        await put(lab, name, 'iptables -w -I INPUT -p tcp --dport 22 -j DROP; iptables -w -I OUTPUT -p tcp --sport 22 -j DROP');
    },
    mend: async (lab) => {
      for (const {name} of lab.nodes)
        await put(lab, name, 'iptables -w -D INPUT -p tcp --dport 22 -j DROP; iptables -w -D OUTPUT -p tcp --sport 22 -j DROP');
    },
  },
  sshd: {
    do: async (lab) => {
      await put(
        lab,
        'n2',
        'for p in /proc/[0-9]*; do read -r c <$p/comm; case $c in sshd*) kill -9 $(basename $p);; esac; done; rm -f /run/lab/ssh/sshd.pid',
      );
    },
    mend: (lab) => startSshd(lab, lab.nodes[1]!),
  },
  disk: {
    do: async (lab) => {
      await put(lab, 'n2', 'cat /dev/zero >/var/lib/flanctl/filler 2>/dev/null; true');
    },
    mend: async (lab) => {
      await put(lab, 'n2', 'rm -f /var/lib/flanctl/filler');
    },
  },
};

/** Waits until no timer and no step runs on any node. */
export async function settled(lab: Lab): Promise<void> {
  const end = Date.now() + 90_000;
  for (;;) {
    const busy = await Promise.all(
      lab.nodes.map(({name}) => runIn(lab, name, '[ ! -e /var/lib/flanctl/lock ] || flock -n /var/lib/flanctl/lock true')),
    );
    if (busy.every((ran) => ran.code === 0)) return;
    if (Date.now() > end) throw new Error('a timer is still there after 90 s');
    await sleep(500);
  }
}

/** @returns false when it ended instead of stopping. */
export async function stopped(child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null) {
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
    if (/\) T /.test(stat)) return true;
    await sleep(30);
  }
  return false;
}
