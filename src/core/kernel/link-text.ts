import {tryMac} from '../net/address.js';
import {brctlLines, isBrctlHeader} from './brctl.js';
import type {Link} from './link.js';
import {infoFromText, portFromText} from './link-info.js';
import {type Draft, numberIn, originOf, type Place, type Sink, Words} from './reading.js';

type Row = Draft<Link>;

/** `2: eth0@if6: <BROADCAST,UP> mtu 1500 …`: index, name, what stands after the @, flags, the rest. */
const heading = /^(\d+):\s+([^\s:@]+)(?:@([^\s:]+))?:\s+<([^>]*)>\s*(.*)$/;
/** `2: eth0    inet 10.0.0.1/24 …`: `ip -o addr` repeats the name instead. */
const oneLineAddress = /^\d+:\s+\S+\s+inet6?\s/;
/** First words of indented lines that tell nothing of the kind. */
const otherLines: ReadonlySet<string> = new Set([
  'inet',
  'inet6',
  'valid_lft',
  'altname',
  'RX:',
  'TX:',
  'RX',
  'TX',
  'vf',
  'prog/xdp',
  'prog/tc',
  'parentbus',
  'parentdev',
  'link-netns',
  'link-netnsid',
]);

/** Reads the lines of `ip link` and `ip addr`, with `-d`, `-s`, `-o` or without, iproute2's or busybox's, and `brctl show`. */
export function linkLines(sink: Sink<Link>): (line: string, at: Place) => void {
  let row: Row | undefined;
  let bridges: ((line: string, at: Place) => string | undefined) | undefined;
  let addressesOnly = false;
  return (line, at) => {
    if (isBrctlHeader(line)) bridges = brctlLines((link) => sink.rows.push(link));
    else if (bridges !== undefined) {
      const why = bridges(line, at);
      if (why !== undefined) sink.problem(why, at);
    } else if (/^\s/.test(line) && row !== undefined) continueLink(row, line);
    else if (oneLineAddress.test(line)) {
      if (!addressesOnly) sink.problem('addresses only, no devices: "ip -o addr" does not print them; take "ip -d link" too', at);
      addressesOnly = true;
    } else {
      const read = startLink(line, at);
      row = typeof read === 'string' ? undefined : read;
      if (row !== undefined) sink.rows.push(row);
      else if (!isLoneDetail(line)) sink.problem(read as string, at);
    }
  };
}

/** Indented lines after a heading that could not be read were reported with it. */
const isLoneDetail = (line: string): boolean => /^\s+(?:link\/|inet6? |valid_lft )/.test(line);

function startLink(line: string, at: Place): Row | string {
  const [, index, ifname = '', beside, flags = '', rest = ''] = heading.exec(line) ?? [];
  if (index === undefined) return 'not a device: a line starts with index, name and flags ("2: eth0: <UP> …")';
  const row: Row = {
    ifindex: Number(index),
    ifname,
    flags: flags === '' ? [] : flags.split(','),
    mtu: 0,
    origin: originOf(at),
  };
  if (beside !== undefined) setPeer(row, beside);
  const words = new Words(rest);
  const extra: Record<string, unknown> = {};
  for (let word = words.next(); word; word = words.next()) {
    const value = words.next() ?? '';
    if (word === 'mtu') row.mtu = numberIn(value) ?? 0;
    else if (word === 'master') row.master = value;
    else if (word === 'state') row.operstate = value;
    else if (word === 'qlen') extra['txqlen'] = numberIn(value);
    else if (word === 'qdisc' || word === 'group') extra[word] = value;
  }
  row.extra = extra;
  return row;
}

/** `@if6` is the index of a peer elsewhere, `@NONE` nothing; busybox looks an index of elsewhere up here, and may find the device itself. */
function setPeer(row: Row, beside: string): void {
  const index = /^if(\d+)$/.exec(beside)?.[1];
  if (index !== undefined) row.link_index = Number(index);
  else if (beside !== 'NONE' && beside !== row.ifname) row.link = beside;
}

function continueLink(row: Row, line: string): void {
  const words = new Words(line);
  const first = words.next() ?? '';
  if (first.startsWith('link/')) readLinkLine(row, first.slice(5), words);
  else if (first === 'alias') row.extra = {...row.extra, ifalias: line.trim().slice(6)};
  else if (otherLines.has(first) || !/^[a-z][a-z0-9_]*$/.test(first)) return;
  else if (first.endsWith('_slave')) {
    const port = portFromText(first.slice(0, -6), words);
    if (port !== undefined) row.port = port;
  } else if (row.kind === undefined) {
    row.kind = first;
    const info = infoFromText(first, words);
    if (info !== undefined) row.info = info;
  }
}

function readLinkLine(row: Row, type: string, words: Words): void {
  // ARPHRD_NONE is 65534; busybox has no name for it.
  row.link_type = type === '[65534]' ? 'none' : type;
  const address = tryMac(words.peek() ?? '');
  if (address !== undefined) row.address = address;
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (word === 'link-netnsid') {
      const id = numberIn(words.next());
      if (id !== undefined) row.link_netnsid = id;
    } else if (word === 'link-netns') row.extra = {...row.extra, link_netns: words.next()};
  }
}
