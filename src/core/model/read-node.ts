import {readCniFile} from '../flannel/cni-conf.js';
import {parseNetConfText} from '../flannel/net-conf.js';
import {parseSubnetEnv} from '../flannel/subnet-env.js';
import {type NodeTables, type TableName, tables} from '../kernel/index.js';
import type {Link} from '../kernel/link.js';
import {readNetfilter} from '../kernel/netfilter/index.js';
import {parseSockets, type SocketRow} from '../kernel/socket.js';
import {parseSysctl} from '../kernel/sysctl.js';
import type {ParseProblem, Sourced, Table} from '../kernel/table.js';
import {withDevices} from '../kernel/wg.js';
import type {Family} from '../net/address.js';
import type {Gap, NodeDump, Section} from '../node/dump.js';
import {type Looked, looked, lookedTable, type NamespaceState, type NodeState, type PodState} from '../node/state.js';

/**
 * Interprets one node's raw evidence. What cannot be read becomes a gap with the node, the command and the reason; it never becomes
 * an empty table.
 */
export function readNode(dump: NodeDump): NodeState {
  const sections = new Map(dump.sections.map((section) => [section.name, section]));
  const gaps: Gap[] = [];
  const gap = (what: string, why: string) => gaps.push({node: dump.node, what, why});
  if (dump.failure) gap('node', dump.failure.message);
  const problem = (section: string) => (p: ParseProblem) => gap(section, `${p.command}, line ${p.line}: ${p.why}: ${p.text.slice(0, 200)}`);
  const skipped = new Map(
    (sections.get('skipped')?.out ?? '').split('\n').flatMap((line): [string, string][] => {
      const [name = '', ...reason] = line.trim().split(/\s+/);
      return name === '' ? [] : [[name, reason.join(' ')]];
    }),
  );
  const notLoaded = (name: string): boolean => skipped.get(name)?.startsWith('not-loaded') === true;
  const own = readNamespace((name) => sections.get(name), gap, notLoaded);
  for (const [name, reason] of skipped) if (!reason.startsWith('not-loaded')) gap(name, reason);
  const usable = (name: string): Section | undefined => {
    const section = sections.get(name);
    if (section === undefined || section.rc === 0) return section;
    if (section.out.trim() !== '' && section.rc !== -1) return section;
    gap(name, whyFailed(section));
    return undefined;
  };
  const file = (name: string): Looked<Section> => {
    const section = sections.get(name);
    // The script prints these sections whether the file is there or not; without one, nobody looked.
    if (section === undefined || section.rc === 0) return section;
    if (/no such file/i.test(section.err ?? section.out) || section.rc === 2) return 'none';
    gap(name, whyFailed(section));
    return undefined;
  };
  const envFile = file('subnet.env');
  const env = present(envFile) ? parseSubnetEnv(envFile.out, envFile.command) : undefined;
  env?.problems.forEach(problem('subnet.env'));
  const confFile = file('net-conf.json');
  const cniSections = dump.sections.filter((s) => s.name.startsWith('cni/'));
  const cniFailed = cniSections.filter((s) => s.rc !== 0);
  for (const section of cniFailed) gap(section.name, whyFailed(section));
  // Which file the runtime takes hangs on all that stand before it: with one unread, the answer is not known.
  const cniUnknown =
    cniFailed.length > 0 ||
    (dump.failure !== undefined && !sections.has('cni-bin')) ||
    [...skipped.keys()].some((name) => name.startsWith('cni/'));
  const cniFiles = cniSections.map((s) => readCniFile(s.name.slice(4), s.out, s.command));
  const cniBin = sections.get('cni-bin');
  const sysctl = usable('sysctl');
  const sockets = usable('ss-udp');
  const sysctls = sysctl && parseSysctl(sysctl.out, {command: sysctl.command});
  sysctls?.problems.forEach(problem('sysctl'));
  const socketRows = sockets && parseSockets(sockets.out, {command: sockets.command});
  const modules = sections.get('modules');
  const commands = Object.fromEntries(dump.sections.map((s) => [s.name, s.command]));
  for (const table of unlisted({...own, commands})) gap(`table ${table}`, 'rules lead to it, and its routes were not listed');
  return {
    ...own,
    name: dump.node,
    via: dump.via,
    ...(dump.takenAt !== undefined && {takenAt: dump.takenAt}),
    ...(dump.failure && {failure: dump.failure}),
    subnetEnv: present(envFile) && env ? {...env.env, command: envFile.command, text: envFile.out} : (envFile as 'none' | undefined),
    netConf: present(confFile) ? {...parseNetConfText(confFile.out), command: confFile.command} : (confFile as 'none' | undefined),
    cni: cniUnknown
      ? undefined
      : cniFiles.length > 0
        ? cniFiles.toSorted((a, b) => (a.name < b.name ? -1 : 1))
        : cniBin
          ? 'none'
          : undefined,
    cniBin:
      cniBin === undefined
        ? undefined
        : cniBin.rc === 0 && cniBin.out.trim() !== ''
          ? new Set(cniBin.out.split(/\s+/).filter(Boolean))
          : 'none',
    sysctl: sysctls && new Map(sysctls.rows.map((row) => [row.key, row.value])),
    netfilter: readNetfilter((name) => usable(name), skipped, gap),
    sockets: socketRows?.rows as readonly SocketRow[] | undefined,
    host: Object.fromEntries(
      (sections.get('host')?.out ?? '').split('\n').flatMap((line) => {
        const at = line.indexOf('=');
        return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()]] : [];
      }),
    ),
    modules: modules?.rc === 0 ? new Set(modules.out.split(/\s+/).filter(Boolean)) : undefined,
    pods: readPods(dump, gap),
    commands,
    gaps,
  };
}

/** Tables that rules lead to and nobody listed: their routes are not known to be missing. */
const unlisted = (state: Pick<NodeState, 'tables' | 'families' | 'commands'>): ReadonlySet<string> =>
  new Set(
    (state.tables.rule ?? []).flatMap(({table, family}) =>
      table === undefined ||
      table === 'local' ||
      table === 'default' ||
      !looked(state, 'route', family) ||
      lookedTable(state, table, family)
        ? []
        : [table],
    ),
  );

const present = (section: Looked<Section>): section is Section => section !== undefined && section !== 'none';

function whyFailed(section: Section): string {
  if (section.rc === -1) return 'the output was cut off';
  const said = (section.err ?? section.out).trim().split('\n')[0];
  if (section.rc === 127) return `${section.command.split(' ')[0]}: not installed on the node`;
  return `${section.command}: exit ${section.rc}${said ? `: ${said}` : ''}`;
}

type Find = (name: string) => Section | undefined;
type AddGap = (what: string, why: string) => void;

/** A table that failed in part keeps its rows for showing, but counts as not looked at: a row that cannot be read may be the one that matters. */
function readNamespace(find: Find, gap: AddGap, notLoaded: (section: string) => boolean = () => false): NamespaceState {
  const read: {[name: string]: readonly Sourced[]} = {};
  const families: {[name: string]: Set<Family>} = {};
  for (const [name, table] of Object.entries(tables) as [TableName, Table<Sourced>][]) {
    const looked = new Set<Family>();
    const rows: Sourced[] = [];
    let found = false;
    for (const supply of table.supply) {
      const section = supply.sections.map(find).find((s) => s !== undefined && (s.rc === 0 || s.out.trim() !== ''));
      if (!section) {
        const failed = supply.sections.map(find).find((s) => s !== undefined);
        if (failed && name !== 'nexthop') gap(failed.name, whyFailed(failed));
        // That part of the kernel was never used, so there is nothing in it.
        if (!failed && supply.sections.some(notLoaded)) {
          found = true;
          looked.add(4).add(6);
        }
        continue;
      }
      found = true;
      const parsed = table.parse(section.out, {command: section.command, ...(supply.family && {family: supply.family})});
      const fresh = supply.family === undefined || !looked.has(supply.family);
      for (const row of parsed.rows) {
        const family = (row as {family?: Family}).family;
        if (supply.family === undefined || family === supply.family || fresh) rows.push(row);
      }
      for (const p of parsed.problems) gap(section.name, `${p.command}, line ${p.line}: ${p.why}: ${p.text.slice(0, 200)}`);
      if (section.rc === -1) gap(section.name, 'the output was cut off');
      const shallow = name === 'link' && parsed.rows.length > 0 && !hasDetails(section);
      if (shallow) gap(section.name, 'no details of the devices: kinds and tunnel ends are only in ip -d link show');
      if (parsed.problems.length > 0 || section.rc === -1 || shallow) continue;
      if (supply.family === undefined) looked.add(4).add(6);
      else looked.add(supply.family);
      // `ip neigh show` without -4 lists both families.
      for (const row of parsed.rows) if ((row as {family?: Family}).family) looked.add((row as unknown as {family: Family}).family);
    }
    if (!found) continue;
    read[name] = name === 'link' ? withDevices(rows as Link[], find('wg-show')) : unique(rows, table);
    if (looked.size > 0) families[name] = looked;
  }
  return {tables: read as NodeTables, families};
}

/** Every iproute2 prints the promiscuity of every device with `-d`, and without it of none; `ip addr` and `brctl` tell no kinds. */
const hasDetails = (section: Section): boolean => section.out.includes('promiscuity');

/** `ip neigh show` prints both families, and so may appear in both sections: the same object is one row. */
function unique(rows: readonly Sourced[], table: Table<Sourced>): readonly Sourced[] {
  if (table.name !== 'neigh') return rows;
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = table.key(row);
    return !seen.has(key) && seen.add(key);
  });
}

function readPods(dump: NodeDump, gap: AddGap): readonly PodState[] | undefined {
  const byPod = new Map<string, Map<string, Section>>();
  for (const section of dump.sections) {
    const match = /^pods\/([^/]+)\/(.+)$/.exec(section.name);
    if (!match) continue;
    let pod = byPod.get(match[1]!);
    if (!pod) {
      pod = new Map();
      byPod.set(match[1]!, pod);
    }
    pod.set(match[2]!, section);
  }
  if (byPod.size === 0) return dump.sections.some((s) => s.name === 'pods') ? [] : undefined;
  return [...byPod].map(([name, sections]) => {
    const missing: AddGap = (what, why) => gap(what.startsWith('pods/') ? what : `pods/${name}/${what}`, why);
    const section = sections.get('sysctl');
    const read = section?.rc === 0 ? parseSysctl(section.out, {command: section.command}) : undefined;
    if (section !== undefined && section.rc !== 0) missing('sysctl', whyFailed(section));
    for (const p of read?.problems ?? []) missing('sysctl', `${p.command}, line ${p.line}: ${p.why}: ${p.text.slice(0, 200)}`);
    const sysctl = read && {sysctl: new Map(read.rows.map((row) => [row.key, row.value]))};
    return {name, ...readNamespace((s) => sections.get(s), missing), ...sysctl};
  });
}
