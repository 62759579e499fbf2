import type {
  FileOperation,
  KubeOperation,
  Operation,
  PodLinkOperation,
  PodNeighOperation,
  PodRouteOperation,
  RowOperation,
} from './operation.js';
import {undoOf, wordsOf} from './operations/index.js';
import type {Line} from './operations/kind.js';

/** One change on one node as people read it: the exact commands of `ip`, `bridge` and sysctls; files and pods, whose commands nobody can read, in words. */
export interface Legible {
  readonly run: readonly string[];
  /** What takes it back, from whatever point it was cut off at. */
  readonly undo: readonly string[];
  /** The same for changes that differ only in the peer or the pod that they are about. */
  readonly like: string;
}

/** Work of one node, in order. The two ends of a pod's veth, which a plan changes one after the other, are one change. */
export function legible(operations: readonly Operation[]): readonly Legible[] {
  const out: Legible[] = [];
  for (let i = 0; i < operations.length; i++) {
    const op = operations[i]!;
    const next = operations[i + 1];
    const [inside, outside] = op.on === 'pod-link' ? [op, next] : next?.on === 'pod-link' ? [next, op] : [];
    if (inside !== undefined && outside !== undefined && isOtherEnd(outside, inside)) {
      out.push(bothEnds(inside, outside.row.ifname));
      i++;
    } else out.push(one(op));
  }
  return out;
}

const isOtherEnd = (op: Operation, {to, before}: PodLinkOperation): op is Extract<RowOperation<'link'>, {do: 'replace'}> =>
  op.on === 'link' && op.do === 'replace' && op.row.mtu === to && op.before.mtu === before && wordsOf(op).length === 1;

const bothEnds = ({pod, dev, to, before}: PodLinkOperation, host: string): Legible => ({
  run: [`pod ${pod}: MTU ${before} → ${to} at both ends (${dev}, ${host})`],
  undo: [`pod ${pod}: MTU ${to} → ${before} at both ends (${dev}, ${host})`],
  like: `pod ${before} ${to}`,
});

function one(op: Operation): Legible {
  if (op.on === 'pod-link') {
    const {pod, dev, to, before} = op;
    const set = (mtu: number): string => `in pod ${pod}: ip link set dev ${dev} mtu ${mtu}`;
    return {run: [set(to)], undo: [set(before)], like: `pod-link ${before} ${to}`};
  }
  if (op.on === 'pod-neigh' || op.on === 'pod-route') {
    // What stands before it finds the pod's namespace, and nobody reads that.
    const said = ({text}: Line): string =>
      `in pod ${op.pod}: ${text.slice(text.indexOf('nsenter --net="$n" ') + 'nsenter --net="$n" '.length)}`;
    return {run: wordsOf(op).map(said), undo: undoOf(op).map(said), like: `${op.on} ${op.row.dst}`};
  }
  if (op.on === 'file') return {run: fileLines(op), undo: fileLines({...op, to: op.before, before: op.to}), like: `file ${op.path}`};
  if (op.on === 'kube') return overApi(op);
  return {run: wordsOf(op).map(exact), undo: undoOf(op).map(exact), like: likeOf(op)};
}

/** As it would be typed, which is what the batch holds. */
const exact = ({tool, text}: Line): string => (tool === 'sh' ? text : `${tool} ${text}`);

/** What flanctl does itself, in kubectl's words. */
function overApi(op: KubeOperation): Legible {
  const {namespace, to, before} = op;
  if (op.do === 'restart') {
    const words = (type: string): string =>
      `kubectl -n ${namespace} delete pod, that of DaemonSet ${op.daemonSet} on ${op.node}; wait until flannel runs ${type} there`;
    return {run: [words(to)], undo: [words(before)], like: 'kube restart'};
  }
  const path = `${op.wait ? 'wait until somebody writes ' : ''}ConfigMap ${namespace}/${op.name}, ${op.key}`;
  return {run: fileLines({path, to, before}), undo: fileLines({path, to: before, before: to}), like: 'kube config'};
}

function likeOf(op: Exclude<Operation, FileOperation | PodLinkOperation | PodNeighOperation | PodRouteOperation | KubeOperation>): string {
  if (op.on === 'sysctl') return `sysctl ${op.key.split('/').at(-1)} ${op.to} ${op.before}`;
  if (op.on === 'rule') return `rule ${op.do} ${op.row.priority}`;
  const dev = op.on === 'link' ? op.row.ifname : op.on === 'xfrm' ? op.row.dir : op.row.dev;
  return `${op.on} ${op.do} ${dev ?? ''}`;
}

function fileLines({path, to, before}: Pick<FileOperation, 'path' | 'to' | 'before'>): readonly string[] {
  if (to === undefined) return [`delete ${path}`];
  if (before === undefined) return [`write ${path}, which is new:`, ...lines(to).map((line) => `  ${line}`)];
  const changed = jsonChanges(before, to) ?? lineChanges(before, to);
  return changed.length === 1 ? [`write ${path}: ${changed[0]}`] : [`write ${path}:`, ...changed.map((line) => `  ${line}`)];
}

const lines = (text: string): readonly string[] => text.replace(/\n$/, '').split('\n');

/** Top-level keys of a JSON object that differ: `Backend {"Type":"vxlan"} → {"Type":"host-gw"}`; undefined when it is not that. */
function jsonChanges(before: string, to: string): readonly string[] | undefined {
  const [a, b] = [objectOf(before), objectOf(to)];
  if (a === undefined || b === undefined) return undefined;
  const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => shown(a[key]) !== shown(b[key]));
  return keys.length === 0 ? undefined : keys.map((key) => `${key} ${shown(a[key])} → ${shown(b[key])}`);
}

function objectOf(text: string): {readonly [key: string]: unknown} | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as {[key: string]: unknown}) : undefined;
  } catch {
    return undefined;
  }
}

/** `FLANNEL_MTU=1450 → 1500` where a setting got another value, else the lines that went and came. */
function lineChanges(before: string, to: string): readonly string[] {
  const [a, b] = [lines(before), lines(to)];
  const went = a.filter((line) => !b.includes(line));
  const came = b.filter((line) => !a.includes(line));
  const key = (line: string): string => line.slice(0, line.indexOf('=') + 1);
  const settings = went.length > 0 && went.every((line, i) => key(line) !== '' && key(line) === key(came[i] ?? ''));
  if (settings && came.length === went.length) return went.map((line, i) => `${line} → ${came[i]!.slice(key(line).length)}`);
  const found = [...went.map((line) => `- ${line}`), ...came.map((line) => `+ ${line}`)];
  return found.length === 0 ? ['the same lines in another order'] : found;
}
