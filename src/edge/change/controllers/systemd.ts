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
  async look({nodes, runners, signal}) {
    const found: Found[] = [];
    for (const node of nodes) found.push(await inspect(node, runners.get(node)!, signal));
    const [first] = found;
    if (first === undefined) return undefined;
    const other = found.find((f) => !isDeepStrictEqual(f.netConf, first.netConf));
    if (other) throw refusal(other.node, `flanneld's configuration (${from(other.place)}) is not the same as on ${first.node}`);
    return {
      netConf: first.netConf,
      stages: (after, order) =>
        stagesOf(
          found.toSorted((a, b) => order.indexOf(a.node) - order.indexOf(b.node)),
          `${JSON.stringify(after, null, 2)}\n`,
        ),
    };
  },
};

interface Found {
  readonly node: string;
  readonly place: Place;
  readonly text: string;
  readonly netConf: unknown;
}

function stagesOf(found: readonly Found[], after: string): readonly ChangeStage[] {
  const inEtcd = found.flatMap(({node, place, text}) => (place.kind === 'etcd' ? [{node, place, text}] : []))[0];
  const put = (title: string): readonly ChangeStage[] => {
    if (!inEtcd) return [];
    const {node, place, text} = inEtcd;
    return [{phase: 'control', title, work: [{node, run: [swap(place, text, after)], undo: [swap(place, after, text)]}]}];
  };
  const restarts = found.map(({node, place, text}): ChangeStage => {
    const file: FileOperation[] = place.kind === 'file' ? [{on: 'file', do: 'replace', path: place.path, to: after, before: text}] : [];
    const work = {node, run: [...runBatches(file), restart], undo: [...undoBatches(file), restart]};
    return {phase: 'control', title: `flanneld of ${node} is restarted`, work: [work]};
  });
  // On the way back the last is the first to be undone: every flanneld is then restarted with the old configuration in its place.
  return [...put("flanneld's configuration in etcd"), ...restarts, ...put("flanneld's configuration in etcd, seen again")];
}

/**
 * Compare and swap: written only where the value is still the one that was read. One that is there already is fine, for a step may be run
 * again; any other is somebody else's, and is left alone.
 */
function swap(place: Extract<Place, {kind: 'etcd'}>, before: string, after: string): Batch {
  const quoted = (text: string): string => JSON.stringify(text);
  const key = quoted(place.key);
  const transaction = `value(${key}) = ${quoted(before)}\n\nput ${key} ${quoted(after)}\n\n\n`;
  const get = shell([...place.etcdctl, 'get', '--print-value-only', place.key]);
  const foreign = `${place.key} in etcd is neither what it was nor what it is to be: somebody else has changed it`;
  // One line: each line of `sh` is a step of its own. The dot keeps the line breaks that $() would drop.
  return sh(
    [
      `said=$(printf ${printfFormat(transaction)} | ${shell([...place.etcdctl, 'txn'])}) || exit 1`,
      'case $said in SUCCESS*) exit 0 ;; esac',
      `now=$(${get} && echo .) || exit 1`,
      `[ "$now" = "$(printf ${printfFormat(`${after}\n.`)})" ] || { echo ${shell([foreign])} >&2; exit 1; }`,
    ].join('; '),
  );
}

const from = (place: Place): string => (place.kind === 'file' ? place.path : `etcd, ${place.key}`);

const refusal = (node: string, what: string, ...hints: string[]): Failure =>
  new Failure(`${node}: ${what}`, {exit: ExitCode.findings, hints});

async function inspect(node: string, runner: Runner, signal: AbortSignal): Promise<Found> {
  const said = (await runner.run(look, [], {signal})).stdout.toString();
  if (!said.includes('arg '))
    throw refusal(node, 'no flanneld runs there as a unit of systemd', '--controller none, when nothing keeps the tables');
  const place = placeOf(flagsOf(said));
  const read = place.kind === 'file' ? shell(['cat', place.path]) : shell([...place.etcdctl, 'get', '--print-value-only', place.key]);
  const {stdout, stderr, code} = await runner.run(read, [], {signal});
  if (code !== 0) throw refusal(node, `flanneld's configuration cannot be read (${from(place)}): ${stderr.trim().slice(0, 200)}`);
  // etcdctl ends what it prints with a line break of its own.
  const text = place.kind === 'file' ? stdout.toString() : stdout.toString().replace(/\n$/, '');
  if (text === '') throw refusal(node, `there is no configuration of flanneld's (${from(place)})`);
  try {
    return {node, place, text, netConf: JSON.parse(text) as unknown};
  } catch {
    throw refusal(node, `flanneld's configuration is not JSON (${from(place)})`);
  }
}
