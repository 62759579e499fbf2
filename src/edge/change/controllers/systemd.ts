import {isDeepStrictEqual} from 'node:util';
import pMap from 'p-map';
import {runBatches, undoBatches} from '../../../core/change/batch.js';
import {netConfText} from '../../../core/change/migration/net-conf-text.js';
import type {FileOperation} from '../../../core/change/operation.js';
import {printfFormat} from '../../../core/change/operations/file.js';
import {shell} from '../../../core/kernel/commands.js';
import {ExitCode} from '../../../exit-code.js';
import {Failure} from '../../../failure.js';
import {oneLine} from '../../ui/escape.js';
import type {Batch} from '../agent.js';
import {asRoot} from '../control/as-root.js';
import {restart, sh, type Test} from '../control/restart.js';
import type {Runner} from '../mesh.js';
import type {ChangeStage} from '../stages.js';
import type {Controller} from './controller.js';

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
    const found = await pMap(nodes, (node) => inspect(node, runners.get(node)!, signal), {concurrency: 16});
    const [first] = found;
    if (first === undefined) return undefined;
    const other = found.find((f) => !isDeepStrictEqual(f.netConf, first.netConf));
    if (other) throw refusal(other.node, `flanneld's configuration (${from(other.place)}) is not the same as on ${first.node}`);
    return {
      netConf: first.netConf,
      stages: (after, order) =>
        stagesOf(
          found.toSorted((a, b) => order.indexOf(a.node) - order.indexOf(b.node)),
          (text) => netConfText(text, after),
        ),
    };
  },
};

interface Found {
  readonly node: string;
  readonly place: Place;
  readonly text: string;
  readonly netConf: unknown;
  /** The file that flanneld writes when it has read its configuration and has its lease. */
  readonly subnetFile: string;
}

function stagesOf(found: readonly Found[], edited: (text: string) => string | undefined): readonly ChangeStage[] {
  const written = found.map((f) => {
    const after = edited(f.text);
    if (after === undefined)
      throw refusal(f.node, `flanneld's configuration (${from(f.place)}) names its Backend twice, and cannot be edited`);
    return {...f, after};
  });
  const inEtcd = written.flatMap(({node, place, text, after}) => (place.kind === 'etcd' ? [{node, place, text, after}] : []))[0];
  const put = (title: string): readonly ChangeStage[] => {
    if (!inEtcd) return [];
    const {node, place, text, after} = inEtcd;
    return [{phase: 'control', title, work: [{node, run: [swap(place, text, after)], undo: [swap(place, after, text)]}]}];
  };
  const restarts = written.map(({node, place, text, after, subnetFile}): ChangeStage => {
    const file: FileOperation[] = place.kind === 'file' ? [{on: 'file', do: 'replace', path: place.path, to: after, before: text}] : [];
    const start = (value: string): Batch =>
      sh(restart('flanneld', subnetFile, {when: place.kind === 'etcd' ? reads(place, value) : undefined}));
    const work = {node, run: [...runBatches(file), start(after)], undo: [...undoBatches(file), start(text)]};
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

/** With a third configuration a flanneld would make of its node what nobody has planned: then it goes on with the one that it has. */
const reads = ({etcdctl, key}: Extract<Place, {kind: 'etcd'}>, value: string): Test => ({
  test: `[ "$(${shell([...etcdctl, 'get', '--print-value-only', key])} && echo .)" = "$(printf ${printfFormat(`${value}\n.`)})" ]`,
  else: `${key} in etcd is not what this step expects: flanneld is not restarted`,
});

const from = (place: Place): string => (place.kind === 'file' ? place.path : `etcd, ${place.key}`);

const refusal = (node: string, what: string, ...hints: string[]): Failure =>
  new Failure(`${node}: ${what}`, {exit: ExitCode.findings, hints});

async function inspect(node: string, runner: Runner, signal: AbortSignal): Promise<Found> {
  const {out: told} = await asRoot(runner, look, signal);
  if (!told.includes('arg '))
    throw refusal(node, 'no flanneld runs there as a unit of systemd', '--controller none, when nothing keeps the tables');
  const flags = flagsOf(told);
  const place = placeOf(flags);
  const user = flags('etcd-username');
  if (place.kind === 'etcd' && user !== undefined)
    throw refusal(
      node,
      `its flanneld logs in to etcd as ${user}, and a password must not get into journals`,
      `--controller none, and change ${place.key} yourself`,
    );
  const read = place.kind === 'file' ? shell(['cat', place.path]) : shell([...place.etcdctl, 'get', '--print-value-only', place.key]);
  const {out, said, code} = await asRoot(runner, read, signal);
  if (code !== 0) throw refusal(node, `flanneld's configuration cannot be read (${from(place)}): ${oneLine(said)}`);
  // etcdctl ends what it prints with a line break of its own.
  const text = place.kind === 'file' ? out : out.replace(/\n$/, '');
  if (text === '') throw refusal(node, `there is no configuration of flanneld's (${from(place)})`);
  try {
    return {node, place, text, netConf: JSON.parse(text) as unknown, subnetFile: flags('subnet-file') ?? '/run/flannel/subnet.env'};
  } catch {
    throw refusal(node, `flanneld's configuration is not JSON (${from(place)})`);
  }
}
