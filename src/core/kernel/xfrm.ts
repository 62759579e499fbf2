import type {Ip, Prefix} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';
import type {ParseContext, Parsed, ParseProblem, Sourced, Table} from './table.js';
import {ipIn} from './words.js';

/** The tunnel that a policy asks for. */
export interface XfrmTemplate {
  readonly src: Ip;
  readonly dst: Ip;
  /** `esp`, `ah`, `comp`. */
  readonly proto: string;
  readonly reqid: number;
  /** `tunnel`, `transport`. */
  readonly mode: string;
  /** `use`: what did not come through the tunnel passes as well. Absent: it is required. */
  readonly level?: string;
}

/** A row of `ip xfrm policy list`: what must go through a security association, or must have come through one. */
export interface XfrmPolicy extends Sourced {
  readonly dir: 'in' | 'out' | 'fwd';
  readonly src: Prefix;
  readonly dst: Prefix;
  /** Lower wins. */
  readonly priority: number;
  readonly index?: number;
  readonly action: 'allow' | 'block';
  readonly tmpl: readonly XfrmTemplate[];
}

/** A row of `ip xfrm state list nokeys`: a security association, one way. Keys are never kept. */
export interface XfrmState extends Sourced {
  readonly src: Ip;
  readonly dst: Ip;
  readonly proto: string;
  readonly spi: number;
  readonly reqid: number;
  readonly mode: string;
  /** ESP in UDP: the port at the other end. */
  readonly encap?: {readonly type: string; readonly sport: number; readonly dport: number};
}

/** An entry of `ip xfrm`: its first line begins in the first column, what belongs to it is indented. */
interface Entry {
  readonly line: number;
  readonly text: string;
  readonly words: readonly string[];
}

const key = /^(?:auth|auth-trunc|enc|aead|comp)$/;

function entries(output: string): readonly Entry[] {
  const found: {line: number; lines: string[]}[] = [];
  for (const [i, line] of output.split('\n').entries()) {
    if (line.trim() === '') continue;
    if (/^\s/.test(line)) found.at(-1)?.lines.push(line.trim());
    else found.push({line: i + 1, lines: [line.trim()]});
  }
  return found.map(({line, lines}) => {
    // Older iproute2 has no `nokeys`: what it prints of keys is dropped before anything keeps it.
    const kept = lines.filter((l) => !key.test(l.split(/\s+/)[0] ?? ''));
    return {line, text: kept.join(' '), words: kept.join(' ').split(/\s+/)};
  });
}

/** The word after a name; the first time that it stands at or after `from`. */
const after = (words: readonly string[], name: string, from = 0): string | undefined => {
  const at = words.indexOf(name, from);
  return at < 0 ? undefined : words[at + 1];
};

function parseEntries<Row extends Sourced>(
  output: string,
  {command}: ParseContext,
  readEntry: (entry: Entry) => Row | string | undefined,
): Parsed<Row> {
  const rows: Row[] = [];
  const problems: ParseProblem[] = [];
  for (const entry of entries(output)) {
    const read = readEntry(entry);
    if (typeof read === 'string') problems.push({command, line: entry.line, text: entry.text, why: read});
    else if (read !== undefined) rows.push({...read, origin: {command, line: entry.line, raw: entry.text}});
  }
  return {rows, problems};
}

function readPolicy({words}: Entry): XfrmPolicy | string | undefined {
  // A socket's own policy (charon lets its IKE packets through with one) holds for no packet that is forwarded.
  if (words.includes('socket')) return undefined;
  const src = tryPrefix(after(words, 'src') ?? '');
  const dst = tryPrefix(after(words, 'dst') ?? '');
  const dir = after(words, 'dir');
  if (src === undefined || dst === undefined) return 'not a policy: no src and dst prefix';
  if (dir !== 'in' && dir !== 'out' && dir !== 'fwd') return 'not a policy: dir is none of in, out, fwd';
  const index = Number(after(words, 'index'));
  const tmpl: XfrmTemplate[] = [];
  for (let at = words.indexOf('tmpl'); at >= 0; at = words.indexOf('tmpl', at + 1)) {
    const [from, to] = [ipIn(after(words, 'src', at)), ipIn(after(words, 'dst', at))];
    if (from === undefined || to === undefined) return 'a template without src and dst address';
    const next = words.indexOf('tmpl', at + 1);
    const level = after(words.slice(0, next < 0 ? words.length : next), 'level', at);
    tmpl.push({
      src: from,
      dst: to,
      proto: after(words, 'proto', at) ?? '',
      reqid: number(after(words, 'reqid', at)),
      mode: after(words, 'mode', at) ?? '',
      ...(level !== undefined && level !== 'required' && {level}),
    });
  }
  return {
    dir,
    src,
    dst,
    priority: number(after(words, 'priority')),
    ...(Number.isInteger(index) && {index}),
    action: after(words, 'action') === 'block' ? 'block' : 'allow',
    tmpl,
  };
}

function readState({words}: Entry): XfrmState | string {
  const [src, dst] = [ipIn(after(words, 'src')), ipIn(after(words, 'dst'))];
  const spi = Number(after(words, 'spi'));
  if (src === undefined || dst === undefined || Number.isNaN(spi)) return 'not a security association: no src, dst and spi';
  const at = words.indexOf('encap');
  return {
    src,
    dst,
    proto: after(words, 'proto') ?? '',
    spi,
    reqid: number(after(words, 'reqid')),
    mode: after(words, 'mode') ?? '',
    ...(at >= 0 && {
      encap: {type: after(words, 'type', at) ?? '', sport: number(after(words, 'sport', at)), dport: number(after(words, 'dport', at))},
    }),
  };
}

const number = (word: string | undefined): number => Number(word) || 0;

const shownTemplate = ({src, dst, proto, reqid, mode, level}: XfrmTemplate): string =>
  ` tmpl src ${src} dst ${dst} proto ${proto} reqid ${reqid} mode ${mode}${level === undefined ? '' : ` level ${level}`}`;

/** IPsec's policies: `ip xfrm policy list`. `ip -j` prints text here too (model/flannel-backends.md §4.4). */
export const xfrm: Table<XfrmPolicy> = {
  name: 'xfrm',
  supply: [{sections: ['ip-xfrm-policy']}],
  parse: (output, context) => parseEntries(output, context, readPolicy),
  key: (row) => `${row.dir} ${row.src} ${row.dst} ${row.priority}`,
  show: (row) =>
    `src ${row.src} dst ${row.dst} dir ${row.dir}${row.action === 'block' ? ' action block' : ''} priority ${row.priority}${row.tmpl.map(shownTemplate).join('')}`,
};

/** IPsec's security associations: `ip xfrm state list nokeys`. */
export const sa: Table<XfrmState> = {
  name: 'sa',
  supply: [{sections: ['ip-xfrm-state']}],
  parse: (output, context) => parseEntries(output, context, readState),
  key: (row) => `${row.dst} ${row.proto} ${row.spi}`,
  show: (row) =>
    `src ${row.src} dst ${row.dst} proto ${row.proto} spi 0x${row.spi.toString(16).padStart(8, '0')} reqid ${row.reqid} mode ${row.mode}` +
    (row.encap === undefined ? '' : ` encap type ${row.encap.type} sport ${row.encap.sport} dport ${row.encap.dport}`),
};
