// Over 250 lines only with its reasons: what makes peers alike must be read as one piece, since a row that is forgotten here is a wrong verdict.
import {rulesOf} from '../forwarding/lookup.js';
import type {Fdb} from '../kernel/fdb.js';
import {localOf} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import {type Family, familyOf, type Ip, type Mac, type Prefix} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import type {NodeState} from '../node/state.js';
import {firewallNames} from './firewall-names.js';
import {type PeerIndex, roles} from './peer-index.js';
import {KEPT, SecretRows} from './secret-rows.js';
import type {Place, World} from './world.js';

/** Which peers a node treats alike, and what of its tables concerns one of them. */
export interface Classes {
  /** For each peer, the number of its class; that of the node itself means nothing. */
  readonly of: Uint32Array;
  /** A peer of each class. */
  readonly heads: readonly number[];
  /** The node's state without the rows that only other peers are concerned by. */
  stateFor(peer: number): NodeState;
}

/** Rows that are never looked at for this family. */
const DROPPED = -2;

/**
 * Peers are alike when their rows say the same of each, relative to itself (flannel's own rows do), and when no prefix in the tables, the
 * policy rules or the firewall tells their addresses apart. A peer that any other row names is pinned: it is a class of its own, and its
 * rows are kept for everybody.
 */
export function classify(world: World, node: Place, self: number, index: PeerIndex): Classes {
  const own = node.own!;
  const sorter = new Sorter(own, self, index);
  const route = sorter.routes(own.tables.route ?? []);
  const neigh = sorter.neighbours(own.tables.neigh ?? []);
  const fdb = sorter.entries(own.tables.fdb ?? []);
  const secrets = new SecretRows(sorter, index, index.peers[self]!);
  const wg = secrets.peers(own.tables.wg ?? []);
  const xfrm = secrets.policies(own.tables.xfrm ?? []);
  const sa = secrets.associations(own.tables.sa ?? []);
  sorter.differences(world.pods.get(node.node) ?? []);
  const {numbers, pinned, whole} = sorter;
  for (const peer of pinned) numbers[peer] = index.intern(`pinned ${peer}`);
  const of = new Uint32Array(numbers.length);
  const heads: number[] = [];
  const classes = new Map<number, number>();
  for (let i = 0, last = -1, known = 0; i < numbers.length; i++) {
    if (i === self) continue;
    const number = numbers[i]!;
    if (number !== last) {
      const found = classes.get(number);
      known = found ?? heads.push(i) - 1;
      if (found === undefined) classes.set(number, known);
      last = number;
    }
    of[i] = known;
  }
  const stateFor = (peer: number): NodeState => {
    if (whole || index.odd[peer] === 1) return own;
    const pick = <Row>(rows: readonly Row[], owners: Int32Array): readonly Row[] => {
      const kept: Row[] = [];
      for (let i = 0; i < owners.length; i++) {
        const owner = owners[i]!;
        if (owner === KEPT || owner === peer || (pinned.size > 0 && pinned.has(owner))) kept.push(rows[i]!);
      }
      return kept;
    };
    const {tables} = own;
    return {
      ...own,
      tables: {
        ...tables,
        ...(tables.route && {route: pick(tables.route, route)}),
        ...(tables.neigh && {neigh: pick(tables.neigh, neigh)}),
        ...(tables.fdb && {fdb: pick(tables.fdb, fdb)}),
        ...(tables.wg && {wg: pick(tables.wg, wg)}),
        ...(tables.xfrm && {xfrm: pick(tables.xfrm, xfrm)}),
        ...(tables.sa && {sa: pick(tables.sa, sa)}),
      },
    };
  };
  return {of, heads, stateFor};
}

const isFixed = ({state}: Neigh): boolean => state.some((s) => s === 'PERMANENT' || s === 'NOARP');

/** Gives each row to the peer it is about, and each peer the number of what its rows say. */
class Sorter {
  readonly numbers: Int32Array;
  readonly pinned = new Set<number>();
  /** Something leads out of this family: all rows are needed. */
  whole = false;
  readonly #own: NodeState;
  readonly #self: number;
  readonly #index: PeerIndex;
  readonly #prefixes = new Set<Prefix>();
  /** The VXLAN devices, with the family their packets are carried in. */
  readonly #tunnels = new Map<string, Family>();
  #from = -1;
  #by = -1;
  #to = -1;

  constructor(own: NodeState, self: number, index: PeerIndex) {
    this.#own = own;
    this.#self = self;
    this.#index = index;
    this.numbers = Int32Array.from(index.traits);
    for (const link of own.tables.link ?? []) {
      if (link.address !== undefined) this.#pinMac(link.address);
      // A tunnel with one far end, or with another node's address as its own.
      for (const end of ['remote', 'remote6', 'local', 'local6']) {
        const address = link.info?.[end];
        if (typeof address === 'string') this.pin(address);
      }
      if (link.kind !== 'vxlan') continue;
      const local = localOf(link);
      this.#tunnels.set(link.ifname, local === undefined ? index.family : familyOf(local));
    }
    this.whole = (own.tables.nexthop ?? []).some((n) => n.gateway !== undefined && familyOf(n.gateway) !== index.family);
    for (const {gateway} of own.tables.nexthop ?? []) this.pin(gateway);
  }

  /** Peers come one after the other with the same number and the same refinement of it: the last answer mostly is the next. */
  add(peer: number, by: number): void {
    const from = this.numbers[peer]!;
    if (from !== this.#from || by !== this.#by) {
      this.#from = from;
      this.#by = by;
      this.#to = this.#index.refine(from, by);
    }
    this.numbers[peer] = this.#to;
  }

  /** The peer whose address a row names besides its own. */
  pin(address: Ip | undefined): void {
    if (address === undefined) return;
    const code = this.#index.byAddress.get(address);
    if (code !== undefined) this.#pinPeer(Math.floor(code / roles.length));
    for (const peer of this.#index.heldBy(address)) this.#pinPeer(peer);
  }

  #pinMac(mac: Mac | undefined): void {
    const peer = mac === undefined ? undefined : this.#index.byMac.get(mac);
    if (peer !== undefined) this.#pinPeer(peer);
  }

  #pinPeer(peer: number): void {
    if (peer !== this.#self) this.pinned.add(peer);
  }

  /** A route to a peer's subnet, or to its public address alone, is the peer's. */
  routes(rows: readonly Route[]): Int32Array {
    const {family, bySubnet, byAddress, bases, publics} = this.#index;
    const owners = new Int32Array(rows.length);
    const full = family === 4 ? '/32' : '/128';
    let last: Route | undefined;
    let lastVia = '';
    let number = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row.family !== family) {
        owners[i] = DROPPED;
        continue;
      }
      let peer = bySubnet.get(row.dst);
      let to = 'subnet';
      if (peer === undefined && row.dst.endsWith(full)) {
        const code = byAddress.get(baseOf(row.dst));
        if (code !== undefined) {
          peer = Math.floor(code / roles.length);
          to = roles[code % roles.length]!;
        }
      }
      if (peer === undefined || peer === this.#self) {
        owners[i] = KEPT;
        this.#leads(row);
        this.#prefixes.add(row.dst);
        continue;
      }
      owners[i] = peer;
      const {gateway} = row;
      const via = gateway === undefined ? '-' : gateway === bases[peer] ? 'base' : gateway === publics[peer] ? 'public' : gateway;
      if (to !== 'subnet' || via !== lastVia || last === undefined || !sameRoute(row, last)) {
        if (via === row.gateway || row.nexthops !== undefined) this.#leads(row);
        if (this.#tunnels.get(row.dev ?? '') === other(family)) this.whole = true;
        number = this.#index.intern(shownRoute(row, to, via));
        [last, lastVia] = to === 'subnet' ? [row, via] : [undefined, ''];
      }
      this.add(peer, number);
    }
    return owners;
  }

  /** Where a route leads that says so literally. */
  #leads(row: Route): void {
    for (const hop of row.nexthops === undefined ? [row] : [row, ...row.nexthops]) {
      if (hop.gateway !== undefined) {
        this.pin(hop.gateway);
        if (familyOf(hop.gateway) !== this.#index.family) this.whole = true;
      }
      if (this.#tunnels.get(hop.dev ?? '') === other(this.#index.family)) this.whole = true;
    }
  }

  neighbours(rows: readonly Neigh[]): Int32Array {
    const {family, byAddress, macs} = this.#index;
    const owners = new Int32Array(rows.length);
    let last: Neigh | undefined;
    let lastMac = '';
    let lastRole = -1;
    let number = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row.family !== family) {
        owners[i] = DROPPED;
        continue;
      }
      const code = byAddress.get(row.dst);
      const peer = code === undefined ? this.#self : Math.floor(code / roles.length);
      if (peer === this.#self) {
        owners[i] = KEPT;
        this.#pinMac(row.lladdr);
        if (row.lladdr !== undefined && isFixed(row)) for (const held of this.#index.heldBy(row.lladdr)) this.#pinPeer(held);
        continue;
      }
      owners[i] = peer;
      const role = code! % roles.length;
      if (!this.#tunnels.has(row.dev)) {
        // Who has the address answers for it; a memory of that changes nothing.
        const failed = row.lladdr === undefined || row.state.some((s) => s === 'FAILED' || s === 'INCOMPLETE');
        if (roles[role] === 'public' && !failed && row.proxy !== true && !isFixed(row)) continue;
        this.add(peer, this.#index.intern(`neigh ${row.dev} ${role} ${row.state.join()} ${row.proxy} ${row.router} ${failed ? '' : peer}`));
        this.#pinMac(row.lladdr);
        continue;
      }
      const mac = row.lladdr === undefined ? 'none' : row.lladdr === macs[peer] ? '=' : row.lladdr;
      if (mac !== lastMac || role !== lastRole || last === undefined || !sameNeigh(row, last)) {
        if (mac === row.lladdr) this.#pinMac(mac);
        number = this.#index.intern(`neigh ${row.dev} ${role} ${mac} ${row.state.join()} ${row.proxy} ${row.router}`);
        [last, lastMac, lastRole] = [row, mac, role];
      }
      this.add(peer, number);
    }
    return owners;
  }

  entries(rows: readonly Fdb[]): Int32Array {
    const {family, byMac, publics} = this.#index;
    const owners = new Int32Array(rows.length);
    let last: Fdb | undefined;
    let lastEnd = '';
    let number = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const peer = byMac.get(row.mac) ?? this.#self;
      if (peer === this.#self) {
        const elsewhere = this.#tunnels.get(row.dev) === other(family);
        owners[i] = elsewhere ? DROPPED : KEPT;
        if (!elsewhere) this.pin(row.dst);
        continue;
      }
      owners[i] = peer;
      const end = row.dst === undefined ? 'none' : row.dst === publics[peer] ? '=' : row.dst;
      if (end !== lastEnd || last === undefined || !sameEntry(row, last)) {
        if (end === row.dst) this.pin(end);
        number = this.#index.intern(`fdb ${row.dev} ${end} ${row.via} ${row.vni} ${row.port} ${row.master} ${row.state}`);
        [last, lastEnd] = [row, end];
      }
      this.add(peer, number);
    }
    return owners;
  }

  /** A prefix that tells addresses apart. */
  split(prefix: Prefix): void {
    this.#prefixes.add(prefix);
  }

  /** What tells addresses apart besides the peers' own rows. */
  differences(pods: readonly Place[]): void {
    const {family, within, intern, peers} = this.#index;
    const prefixes = this.#prefixes;
    for (const {src, dst} of rulesOf(this.#own, family).rules) {
      if (src !== undefined) prefixes.add(src);
      if (dst !== undefined) prefixes.add(dst);
    }
    for (const {state} of pods) {
      for (const {dst, gateway} of state.tables.route ?? []) {
        prefixes.add(dst);
        this.pin(gateway);
      }
      for (const {dst, lladdr} of state.tables.neigh ?? []) {
        this.pin(dst);
        this.#pinMac(lladdr);
      }
    }
    const named = firewallNames(this.#own.netfilter[family]);
    for (const prefix of named.prefixes) prefixes.add(prefix);
    if (named.opaque) for (let i = 0; i < peers.length; i++) this.add(i, intern(`alone ${i}`));
    for (const prefix of prefixes)
      for (const code of within(prefix)) {
        const peer = Math.floor(code / roles.length);
        if (peer !== this.#self) this.add(peer, intern(`${roles[code % roles.length]} in ${prefix}`));
      }
  }
}

const other = (family: Family): Family => (family === 4 ? 6 : 4);

/** Equal in all that a lookup asks, without making a text of it. Rows with rare parts are never equal here: their texts tell. */
const sameRoute = (a: Route, b: Route): boolean =>
  a.dev === b.dev &&
  a.table === b.table &&
  a.type === b.type &&
  a.metric === b.metric &&
  a.scope === b.scope &&
  a.pref === b.pref &&
  sameWords(a.flags, b.flags) &&
  isPlain(a) &&
  isPlain(b);

const isPlain = (r: Route): boolean =>
  r.nexthops === undefined &&
  r.nhid === undefined &&
  r.metrics === undefined &&
  r.tos === undefined &&
  r.from === undefined &&
  r.prefsrc === undefined;

const shownRoute = (r: Route, to: string, via: string): string =>
  `route ${to} ${via} ${JSON.stringify([r.dev, r.table, r.type, r.metric, r.scope, r.pref, r.flags, r.nexthops, r.nhid, r.metrics, r.tos, r.from, r.prefsrc])}`;

const sameNeigh = (a: Neigh, b: Neigh): boolean =>
  a.dev === b.dev && a.proxy === b.proxy && a.router === b.router && sameWords(a.state, b.state);

const sameEntry = (a: Fdb, b: Fdb): boolean =>
  a.dev === b.dev && a.via === b.via && a.vni === b.vni && a.port === b.port && a.master === b.master && a.state === b.state;

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
