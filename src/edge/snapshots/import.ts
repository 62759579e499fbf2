import {lstat, readdir, readFile} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import type {NodeDump, Section} from '../../core/node/dump.js';
import {Failure} from '../../failure.js';
import {readDump, splitDumps} from '../gather/read-dump.js';
import {oneLine} from '../ui/escape.js';
import type {Snapshot} from './read.js';

/** Files of a node, without `.json` or `.txt`; each is the section of that name. */
const LISTINGS = new Set([
  ...['ip-route', 'ip-route-all', 'ip-6-route', 'ip-6-route-all', 'ip-rule', 'ip-6-rule', 'ip-neigh', 'ip-6-neigh', 'ip-nexthop'],
  ...['ip-link', 'ip-addr', 'bridge-fdb', 'bridge-vlan', 'route-n', 'brctl-show', 'wg-show', 'ip-xfrm-policy', 'ip-xfrm-state'],
  ...[
    'iptables-save',
    'ip6tables-save',
    'iptables-legacy-save',
    'ip6tables-legacy-save',
    'nft',
    'sysctl',
    'ss-udp',
    'modules',
    'cni-bin',
    'host',
  ],
]);
const WHOLE_NAMES = new Set(['subnet.env', 'net-conf.json']);
/** Other listings of the same, by the name of the command that prints them. */
const SAME_AS: {readonly [stem: string]: string} = {arp: 'ip-neigh', 'arp-n': 'ip-neigh', route: 'route-n', 'ip-route-main': 'ip-route'};
/** `ip route show table 100`, text: it belongs to the listing of main. */
const ONE_TABLE = /^ip-route-(?:table-)?([a-z0-9_.-]+)\.txt$/;
/** Records of the cluster, beside the nodes. */
const EXTRAS = new Set([
  ...['inventory.yaml', 'nodes.json', 'pods.json', 'configmap.json', 'daemonsets.json', 'services.json', 'etcd.json', 'records.json'],
  'cloud-routes.json',
  'cloud-enis.json',
  'cloud-groups.json',
]);

const HINTS = [
  'A folder of dumps: flanctl gather --print-script | ssh NODE sh -s > FOLDER/NODE.dump',
  'Or one folder a node, named after it, with ip-route.txt, ip-neigh.txt, bridge-fdb.txt, ip-rule.txt, route-n.txt, arp.txt, subnet.env, … (.json for the -j form)',
];

/** What one node's evidence is read from; nothing is read before it is walked. */
type Source = {readonly dump: string} | {readonly node: string; readonly files: readonly LooseFile[]};

interface LooseFile {
  /** The section's name. */
  readonly name: string;
  readonly path: string;
  /** The path as the user would write it from the folder: `node1/ip-route.txt`. */
  readonly label: string;
  /** Listings of further tables, to be read as if they stood below it. */
  readonly tables?: readonly {readonly table: string; readonly path: string}[];
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly kind: 'file' | 'folder';
}

/**
 * Reads a folder of the script's dumps (`*.dump`), or of pasted listings, one folder a node; with `single`, `path` is one file of dumps.
 * Links are not followed and names with control characters are passed over: the folder may come from a stranger.
 * @throws Failure when nothing in it can be read as a node.
 */
export async function importFolder(path: string, {single = false} = {}): Promise<Snapshot> {
  const notices: string[] = [];
  const extras: {[name: string]: string} = {};
  const sources: Source[] = [];
  const entries = single ? [] : await list(path, '', notices);
  if (single) sources.push({dump: path});
  const folders: Source[] = [];
  const strays: string[] = [];
  const own = entries.some(({name, kind}) => kind === 'file' && sectionOf(name) !== undefined);
  for (const {name, path: full, kind} of entries) {
    if (kind === 'file' && EXTRAS.has(name)) extras[name] = await text(full);
    else if (kind === 'file' && name.endsWith('.dump')) sources.push({dump: full});
    else if (kind === 'file') strays.push(passedOver(name));
    else if (!own || (name !== 'cni' && name !== 'pods')) {
      const files = await nodeFiles(await list(full, `${name}/`, notices), `${name}/`, notices);
      if (files.length > 0) folders.push({node: name, files});
      else strays.push(`${name}/ was passed over: it has no file of a node`);
    }
  }
  // Where no folder in it is a node, and listings lie in it, it is one node itself.
  if (own && folders.length === 0) sources.push({node: basename(resolve(path)), files: await nodeFiles(entries, '', notices)});
  else notices.push(...strays);
  sources.push(...folders);
  if (sources.length === 0) throw new Failure(`${path} holds no dump and no folder of a node`, {hints: [...notices.slice(0, 5), ...HINTS]});
  return {header: {apiVersion: 'flanctl.dev/v1alpha1', kind: 'Snapshot'}, notices, extras, nodes: () => nodes(sources)};
}

async function* nodes(sources: readonly Source[]): AsyncGenerator<NodeDump> {
  const taken = new Set(sources.flatMap((source) => ('node' in source ? [source.node] : [])));
  for (const source of sources) {
    if ('node' in source) {
      yield {node: source.node, via: 'folder', sections: await Promise.all(source.files.map(section))};
      continue;
    }
    const dumps = splitDumps(await text(source.dump));
    for (const [index, dump] of dumps.entries()) {
      const file = basename(source.dump).replace(/\.dump$/, '') + (index === 0 ? '' : `~${index + 1}`);
      yield named(readDump(dump, file, 'dump'), taken);
    }
  }
}

/** A dump is called what the node calls itself; where that is not there, or taken, what its file is called. */
function named(dump: NodeDump, taken: Set<string>): NodeDump {
  const host = dump.sections.find((section) => section.name === 'host')?.out ?? '';
  const own = /^hostname=(.+)$/m.exec(host)?.[1]?.trim();
  const node = own !== undefined && isSafe(own) && !taken.has(own) ? own : dump.node;
  taken.add(node);
  return {...dump, node};
}

async function section({name, path, label, tables = []}: LooseFile): Promise<Section> {
  const own = await text(path);
  // A line as of a prompt says for what the command filtered: rows of one table are printed without its name.
  const more = await Promise.all(tables.map(async (t) => `\n# ip route show table ${t.table}\n${await text(t.path)}`));
  return {name, command: label, rc: 0, out: own + more.join('')};
}

/** The files of one node, those of `cni/` and `pods/<name>/` included. */
async function nodeFiles(entries: readonly Entry[], label: string, notices: string[]): Promise<readonly LooseFile[]> {
  const files = listings(entries, '', label, notices);
  for (const entry of entries) {
    if (entry.kind === 'file') continue;
    const below = await list(entry.path, `${label}${entry.name}/`, notices);
    if (entry.name === 'cni') {
      files.push(
        ...below.filter(({kind}) => kind === 'file').map(({name, path}) => ({name: `cni/${name}`, path, label: `${label}cni/${name}`})),
      );
    } else if (entry.name === 'pods') {
      for (const pod of below.filter(({kind}) => kind === 'folder')) {
        const place = `${label}pods/${pod.name}/`;
        files.push(...listings(await list(pod.path, place, notices), `pods/${pod.name}/`, place, notices));
      }
    } else notices.push(passedOver(`${label}${entry.name}/`));
  }
  return files;
}

function listings(entries: readonly Entry[], prefix: string, label: string, notices: string[]): LooseFile[] {
  const byName = new Map<string, LooseFile>();
  const tables: {table: string; path: string}[] = [];
  // A section's own name first: what else is called so says less.
  const files = entries.filter((e) => e.kind === 'file').toSorted((a, b) => Number(isAlias(a.name)) - Number(isAlias(b.name)));
  for (const {name, path} of files) {
    const stem = sectionOf(name);
    const table = stem === undefined ? ONE_TABLE.exec(name)?.[1] : undefined;
    if (table !== undefined) {
      tables.push({table, path});
      continue;
    }
    if (stem === undefined) {
      if (!(label === '' && (EXTRAS.has(name) || name.endsWith('.dump')))) notices.push(passedOver(`${label}${name}`));
      continue;
    }
    // Sorted, so `.json` comes first: it says more than the text.
    if (byName.has(stem)) notices.push(`${label}${name} was passed over: ${byName.get(stem)!.label} says the same`);
    else byName.set(stem, {name: `${prefix}${stem}`, path, label: `${label}${name}`});
  }
  const main = byName.get('ip-route');
  if (main?.path.endsWith('.txt') && tables.length > 0) byName.set('ip-route', {...main, tables});
  else
    notices.push(
      ...tables.map((t) => `${label}${basename(t.path)} was passed over: it needs ip-route.txt, the listing of main, beside it`),
    );
  return [...byName.values()];
}

const isAlias = (file: string): boolean => SAME_AS[file.replace(/\.(json|txt)$/, '')] !== undefined;

/** `ip-route-all` for `ip-route-all.json`; undefined for a name that means nothing here. */
function sectionOf(file: string): string | undefined {
  const stem = WHOLE_NAMES.has(file) ? file : file.replace(/\.(json|txt)$/, '');
  const same = SAME_AS[stem] ?? stem;
  return WHOLE_NAMES.has(stem) || LISTINGS.has(same) ? same : undefined;
}

const passedOver = (label: string): string => `${oneLine(label)} was passed over: not a name flanctl knows`;

/** Letters, digits, marks and spaces of any script, but nothing that steers a terminal or climbs out of a folder. */
const isSafe = (name: string): boolean => oneLine(name) === name && !/[/\\\t\n]/.test(name) && name !== '..' && name.length <= 255;

/** The entries of a folder, sorted; hidden ones are none of our business. */
async function list(path: string, label: string, notices: string[]): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  const names = await readdir(path).catch((error: unknown) => {
    throw new Failure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {cause: error});
  });
  for (const name of names.sort()) {
    if (name.startsWith('.')) continue;
    const full = join(path, name);
    const kind = await lstat(full);
    if (!isSafe(name)) notices.push(`${oneLine(label + name)} was passed over: its name has control characters`);
    else if (kind.isSymbolicLink()) notices.push(`${label}${name} was passed over: a link, and links are not followed`);
    else if (kind.isFile() || kind.isDirectory()) found.push({name, path: full, kind: kind.isFile() ? 'file' : 'folder'});
  }
  return found;
}

/** Pasted text may come from an editor that begins with a byte order mark, writes UTF-16 (PowerShell's `>`) or ends lines with CRLF. */
async function text(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new Failure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {cause: error});
  });
  const decoded = bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.toString('utf16le') : bytes.toString('utf8');
  return decoded.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
}
