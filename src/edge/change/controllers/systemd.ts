import {isDeepStrictEqual} from 'node:util';
import {runBatches, undoBatches} from '../../../core/change/batch.js';
import type {FileOperation} from '../../../core/change/operation.js';
import {printfFormat} from '../../../core/change/operations/file.js';
import {shell} from '../../../core/kernel/commands.js';
import {ExitCode} from '../../../exit-code.js';
import {Failure} from '../../../failure.js';
import type {Batch} from '../agent.js';
import type {Runner} from '../mesh.js';
import type {ChangeStage} from '../stages.js';
import type {Controller} from './controller.js';

const sh = (...lines: string[]): Batch => ({tool: 'sh', lines});

/** With Type=notify, which flannel's unit has, restart returns when flanneld has its lease; where it has not, it at least has to stay up. */
const restart = sh('systemctl restart flanneld && systemctl is-active --quiet flanneld');

/** The flags that the running flanneld was given: its words, then its environment (flannel-backends.md §7: a flag wins over a variable). */
const look = `pid=$(systemctl show -p MainPID flanneld 2>/dev/null)
pid=\${pid#MainPID=}
if [ "\${pid:-0}" -gt 0 ] 2>/dev/null; then
  tr '\\0' '\\n' <"/proc/$pid/cmdline" | sed 's/^/arg /'
  tr '\\0' '\\n' <"/proc/$pid/environ" | sed -n 's/^FLANNELD_/env &/p'
fi
echo end`;

type Flags = (name: string) => string | undefined;

export function flagsOf(text: string): Flags {
  const lines = text.split('\n');
  const words = lines.filter((l) => l.startsWith('arg ')).map((l) => l.slice(4));
  const variables = lines.filter((l) => l.startsWith('env ')).map((l) => l.slice(4));
  return (name) => {
    for (const [at, word] of words.entries()) {
      const [, flag, value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
      if (flag !== name) continue;
      if (value !== undefined) return value;
      const next = words[at + 1];
      return next === undefined || next.startsWith('-') ? 'true' : next;
    }
    const prefix = `FLANNELD_${name.toUpperCase().replaceAll('-', '_')}=`;
    return variables.find((v) => v.startsWith(prefix))?.slice(prefix.length);
  };
}

/** Where a flanneld reads its configuration, and how that is read and written on its node. */
type Place =
  | {readonly kind: 'file'; readonly path: string}
  | {readonly kind: 'etcd'; readonly etcdctl: readonly string[]; readonly key: string};

export function placeOf(flags: Flags): Place {
  if (flags('kube-subnet-mgr') === 'true') return {kind: 'file', path: flags('net-config-path') ?? '/etc/kube-flannel/net-conf.json'};
  const option = (flag: string, word: string): readonly string[] => (flags(flag) === undefined ? [] : [`--${word}=${flags(flag)!}`]);
  return {
    kind: 'etcd',
    key: `${flags('etcd-prefix') ?? '/coreos.com/network'}/config`,
    etcdctl: [
      'env',
      'ETCDCTL_API=3',
      'etcdctl',
      `--endpoints=${flags('etcd-endpoints') ?? 'http://127.0.0.1:4001,http://127.0.0.1:2379'}`,
      ...option('etcd-cafile', 'cacert'),
      ...option('etcd-certfile', 'cert'),
      ...option('etcd-keyfile', 'key'),
    ],
  };
}

/** flanneld as a unit of systemd, its net-conf in a file on each node or in etcd; one node after the other is restarted. */
export const systemd: Controller = {
  kind: 'systemd',
  async stages({change, nodes, runners, signal}) {
    const kept: {node: string; place: Place; text: string}[] = [];
    for (const node of nodes) kept.push(await inspect(node, runners.get(node)!, change.before, signal));
    const after = `${JSON.stringify(change.after, null, 2)}\n`;
    const stages: ChangeStage[] = [];
    const inEtcd = kept.flatMap(({node, place, text}) => (place.kind === 'etcd' ? [{node, place, text}] : []))[0];
    const put = (title: string): ChangeStage[] => {
      if (!inEtcd) return [];
      const {node, place, text} = inEtcd;
      const write = (value: string) => sh(`printf ${printfFormat(value)} | ${shell([...place.etcdctl, 'put', place.key])} >/dev/null`);
      return [{phase: 'control', title, work: [{node, run: [write(after)], undo: [write(text)]}]}];
    };
    stages.push(...put("flanneld's configuration in etcd"));
    for (const {node, place, text} of kept) {
      const file: FileOperation[] = place.kind === 'file' ? [{on: 'file', do: 'replace', path: place.path, to: after, before: text}] : [];
      const work = {node, run: [...runBatches(file), restart], undo: [...undoBatches(file), restart]};
      stages.push({phase: 'control', title: `flanneld of ${node} is restarted`, work: [work]});
    }
    // On the way back this is the first to be undone: every flanneld is then restarted with the old configuration in its place.
    stages.push(...put("flanneld's configuration in etcd, seen again"));
    return stages;
  },
};

async function inspect(
  node: string,
  runner: Runner,
  expected: unknown,
  signal: AbortSignal,
): Promise<{node: string; place: Place; text: string}> {
  const refuse = (what: string, ...hints: string[]): never => {
    throw new Failure(`${node}: ${what}`, {exit: ExitCode.findings, hints});
  };
  const said = (await runner.run(look, [], {signal})).stdout.toString();
  if (!said.includes('arg ')) refuse('no flanneld runs there as a unit of systemd', '--controller none, when nothing keeps the tables');
  const place = placeOf(flagsOf(said));
  const read = place.kind === 'file' ? shell(['cat', place.path]) : shell([...place.etcdctl, 'get', '--print-value-only', place.key]);
  const {stdout, stderr, code} = await runner.run(read, [], {signal});
  const from = place.kind === 'file' ? place.path : `etcd, ${place.key}`;
  if (code !== 0) refuse(`flanneld's configuration cannot be read (${from}): ${stderr.trim().slice(0, 200)}`);
  const text = stdout.toString();
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    refuse(`flanneld's configuration is not JSON (${from})`);
  }
  if (!isDeepStrictEqual(found, expected)) refuse(`flanneld's configuration (${from}) is not what the plan was made from`);
  return {node, place, text};
}
