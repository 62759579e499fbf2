import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';

/** A node of its own: network, mount, UTS and pid namespaces, with its own /run and a copy of /etc that is gone with it. */
export interface Node {
  readonly pid: number;
  /** Runs a script in it as root; throws when it fails. */
  sh(script: string): string;
  /** Runs words in it with `input` on stdin. */
  run(words: readonly string[], input: string): {stdout: string; stderr: string; status: number | null};
  stop(): Promise<void>;
}

const SETUP = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/etc-new /run/etc-work /run/netns /run/flannel /run/bin
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc-new,workdir=/run/etc-work /etc
mount -t tmpfs tmpfs /tmp
ip link set lo up
`;

export const canMakeNodes = process.getuid?.() === 0;

export async function makeNode(hostname: string): Promise<Node> {
  const holder = spawn(
    'unshare',
    ['-m', '-u', '-n', '-i', '-p', '-f', '--mount-proc', '--kill-child', 'sh', '-c', 'echo up; exec sleep 600'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(holder.stdout, 'data');
  const pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
  const enter = ['-t', String(pid), '-m', '-u', '-n', '-i', '-p', '--'];
  const sh = (script: string): string => execFileSync('nsenter', [...enter, 'sh', '-s'], {input: script, encoding: 'utf8'});
  sh(`${SETUP}hostname ${hostname}\necho 127.0.0.1 ${hostname} >>/etc/hosts`);
  return {
    pid,
    sh,
    run: (words, input) => {
      const {stdout, stderr, status} = spawnSync('nsenter', [...enter, ...words], {input, encoding: 'utf8', maxBuffer: 1e9});
      return {stdout, stderr, status};
    },
    async stop() {
      const gone = once(holder, 'exit');
      holder.kill('SIGKILL');
      await gone;
    },
  };
}
