import fc from 'fast-check';
import type {NodeDump, Section} from '../src/core/node/dump.js';

/**
 * Random faults in recorded clusters: rows go, are doubled, or name another address, device or number that occurs in the cluster; policy
 * rules and firewall rules come in; kernel parameters change. Each fault is a few numbers, so that a counterexample shrinks.
 */
export interface Fault {
  readonly kind: 'drop' | 'change' | 'double' | 'rule' | 'filter' | 'nat' | 'sysctl';
  readonly node: number;
  readonly pick: readonly number[];
}

const number = fc.nat({max: 1_000_000});

export const faults: fc.Arbitrary<readonly Fault[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('drop', 'change', 'change', 'change', 'double', 'rule', 'filter', 'nat', 'sysctl'),
    node: number,
    pick: fc.array(number, {minLength: 6, maxLength: 6}),
  }),
  {minLength: 1, maxLength: 6},
) as fc.Arbitrary<readonly Fault[]>;

const tables = ['ip-route-all', 'ip-6-route-all', 'ip-neigh', 'ip-6-neigh', 'bridge-fdb', 'ip-link', 'ip-addr', 'ip-rule', 'subnet.env'];
const kinds: readonly RegExp[] = [
  /(?:\d+\.){3}\d+\/\d+|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:]*\/\d+/g,
  /\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\/)/g,
  /\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g,
  /\b(?:flannel\.1|flannel-v6\.1|cni0|eth0)\b/g,
  /\b(?:PERMANENT|REACHABLE|STALE|FAILED|NOARP)\b/g,
  /\b(?:unicast|blackhole|unreachable|throw|local)\b/g,
];

const at = <T>(list: readonly T[], n: number): T | undefined => (list.length === 0 ? undefined : list[n % list.length]);

/** The rows of a listing and how to write them again: lines of text, or elements of the JSON array on one line. */
function rowsOf(out: string): {readonly rows: readonly string[]; readonly write: (rows: readonly string[]) => string} {
  if (!out.startsWith('[')) return {rows: out.split('\n'), write: (rows) => rows.join('\n')};
  const elements = JSON.parse(out) as readonly unknown[];
  return {rows: elements.map((e) => JSON.stringify(e)), write: (rows) => `[${rows.join()}]\n`};
}

/** All that the cluster names, kind by kind: the stuff that wrong rows are made of. */
function words(dumps: readonly NodeDump[]): readonly (readonly string[])[] {
  const text = dumps.flatMap((d) => d.sections.filter((s) => tables.includes(s.name)).map((s) => s.out)).join('\n');
  return kinds.map((kind) => [...new Set(text.match(kind) ?? [])]);
}

export function withFaults(dumps: readonly NodeDump[], list: readonly Fault[]): readonly NodeDump[] {
  const named = words(dumps);
  return list.reduce((all, fault) => {
    const target = fault.node % all.length;
    return all.map((dump, i) => (i === target ? {...dump, sections: changed(dump.sections, fault, named)} : dump));
  }, dumps);
}

function changed(sections: readonly Section[], {kind, pick}: Fault, named: readonly (readonly string[])[]): readonly Section[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = pick;
  const edit = (name: string, change: (out: string) => string): readonly Section[] =>
    sections.map((s) => (s.name === name && s.rc === 0 ? {...s, out: change(s.out)} : s));
  const [prefixes = [], addresses = []] = named;
  const prefix = (n: number) => at([...prefixes, ...addresses.map((x) => `${x}/32`)], n)!;
  const six = (text: string) => text.includes(':');
  const [from, to] = [prefix(c), prefix(d)];
  if (kind === 'sysctl')
    return edit('sysctl', (out) => {
      const lines = out.split('\n');
      const line = at(
        [...lines.keys()].filter((i) => /rp_filter|forwarding|proxy_arp|accept_local|bridge-nf/.test(lines[i]!)),
        a,
      );
      return line === undefined ? out : lines.with(line, lines[line]!.replace(/\d+$/, String(b % 3))).join('\n');
    });
  if (kind === 'rule') {
    const action = at(['lookup main', 'lookup local', 'lookup 100', 'blackhole', 'unreachable', 'goto 32766'], b)!;
    const selector = [`from ${a % 3 === 0 ? from : 'all'}`, ...(a % 3 < 2 && six(from) === six(to) ? [`to ${to}`] : [])].join(' ');
    const json = (text: string) => {
      const [src, len] = text.split('/');
      return {src, srclen: Number(len)};
    };
    return edit(six(from) ? 'ip-6-rule' : 'ip-rule', (out) =>
      out.startsWith('[')
        ? `[${JSON.stringify({priority: 100 + (e % 50), ...(a % 2 ? json(from) : {src: 'all'}), table: at(['main', 'local', '100'], b)})},${out.slice(1)}`
        : `${100 + (e % 50)}:\t${selector} ${action}\n${out}`,
    );
  }
  if (kind === 'filter' || kind === 'nat') {
    const chain = kind === 'nat' ? at(['PREROUTING', 'POSTROUTING'], a)! : at(['FORWARD', 'INPUT', 'OUTPUT'], a)!;
    const own = at(addresses, f)!;
    const then =
      kind === 'nat' ? (chain === 'PREROUTING' ? `DNAT --to-destination ${own}` : `SNAT --to-source ${own}`) : at(['DROP', 'ACCEPT'], b)!;
    const match = [e % 2 ? `-s ${from}` : '', e % 3 ? `-d ${to}` : ''].filter(Boolean).join(' ');
    const table = kind === 'nat' ? /^\*nat$([\s\S]*?)^COMMIT$/m : /^\*filter$([\s\S]*?)^COMMIT$/m;
    return edit(six(from) || six(to) ? 'ip6tables-save' : 'iptables-save', (out) =>
      out.replace(table, (block) => block.replace(/^(?=\[?[\d:\]]* ?-A|COMMIT$)/m, `-A ${chain} ${match} -j ${then}\n`)),
    );
  }
  return edit(at(tables, a)!, (out) => {
    const {rows, write} = rowsOf(out);
    const row = rows.length === 0 ? 0 : b % rows.length;
    const text = rows[row] ?? '';
    if (kind === 'drop') return write(rows.toSpliced(row, 1));
    const sort = c % kinds.length;
    const found = [...text.matchAll(kinds[sort]!)];
    const hit = at(found, d);
    const by = at(named[sort]!, e);
    if (hit === undefined || by === undefined) return out;
    const other = `${text.slice(0, hit.index)}${by}${text.slice(hit.index + hit[0].length)}`;
    return write(kind === 'double' ? rows.toSpliced(row, 0, other) : rows.with(row, other));
  });
}
