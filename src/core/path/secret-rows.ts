import type {WgPeer} from '../kernel/wg.js';
import type {XfrmPolicy, XfrmState} from '../kernel/xfrm.js';
import {familyOf, type Ip, type Prefix} from '../net/address.js';
import type {Peer, PeerIndex} from './peer-index.js';

/** A row that is kept whatever peer is asked for. */
export const KEPT = -1;

/** What the rows say is told to this. */
interface Sorter {
  add(peer: number, by: number): void;
  pin(address: Ip | undefined): void;
  split(prefix: Prefix): void;
}

/** Gives WireGuard's peers and IPsec's policies and associations to the nodes they are about, as classes of peers need it. */
export class SecretRows {
  readonly #sorter: Sorter;
  readonly #index: PeerIndex;
  readonly #self: Peer;
  readonly #number: number;
  #publics: ReadonlyMap<Ip, number> | undefined;

  constructor(sorter: Sorter, index: PeerIndex, self: Peer) {
    this.#sorter = sorter;
    this.#index = index;
    this.#self = self;
    this.#number = index.peers.indexOf(self);
  }

  /** An allowed prefix that is a peer's subnet is that peer's; any other tells addresses apart. */
  peers(rows: readonly WgPeer[]): Int32Array {
    const {family, peers, publics, intern} = this.#index;
    const byKey = new Map(peers.flatMap((p, i) => (p.key === undefined ? [] : [[p.key, i] as const])));
    return Int32Array.from(rows, ({dev, publicKey, endpoint, allowedIPs, latestHandshake, txBytes}) => {
      const prefixes = allowedIPs.filter((p) => familyOf(p) === family);
      const known = byKey.get(publicKey);
      const owners = new Set(prefixes.map((p) => this.#owner(p)));
      if (known !== undefined) owners.add(known);
      const [owner] = owners;
      const met = latestHandshake === undefined ? txBytes > 0 : '-';
      for (const one of owners) {
        if (one === undefined || one === this.#number) continue;
        const {key, subnet} = peers[one]!;
        const who = publicKey === key ? '=' : publicKey;
        const where = endpoint === undefined ? 'nowhere' : `${endpoint.address === publics[one] ? '=' : endpoint.address} ${endpoint.port}`;
        const what = prefixes.map((p) => (p === subnet ? '=' : p)).join();
        this.#sorter.add(one, intern(`wg ${dev} ${who} ${where} ${what} ${met}`));
        if (endpoint !== undefined && endpoint.address !== publics[one]) this.#sorter.pin(endpoint.address);
      }
      if (owners.size === 1 && owner !== undefined && owner !== this.#number) return owner;
      for (const prefix of prefixes) this.#sorter.split(prefix);
      this.#sorter.pin(endpoint?.address);
      return KEPT;
    });
  }

  policies(rows: readonly XfrmPolicy[]): Int32Array {
    const {family, peers, publics, intern} = this.#index;
    return Int32Array.from(rows, ({dir, src, dst, priority, action, tmpl}) => {
      const [near, far] = dir === 'out' ? [src, dst] : [dst, src];
      const owner = this.#owner(far);
      if (familyOf(far) !== family) return KEPT;
      if (owner === undefined || owner === this.#number || near !== this.#self.subnet) {
        this.#sorter.split(near);
        this.#sorter.split(far);
        return KEPT;
      }
      const relative = (address: Ip): string => (address === publics[owner] ? '=' : address);
      const text = tmpl.map((t) => `${relative(t.src)} ${relative(t.dst)} ${t.proto} ${t.reqid} ${t.mode}`).join();
      for (const address of tmpl.flatMap((t) => [t.src, t.dst]))
        if (address !== publics[owner] && address !== this.#self.public) this.#sorter.pin(address);
      this.#sorter.add(owner, intern(`xfrm ${dir} ${far === peers[owner]!.subnet} ${priority} ${action} ${text}`));
      return owner;
    });
  }

  associations(rows: readonly XfrmState[]): Int32Array {
    const {publics, intern} = this.#index;
    this.#publics ??= new Map(publics.map((address, i) => [address, i]));
    return Int32Array.from(rows, ({src, dst, proto, reqid, mode, encap}) => {
      const owner = this.#publics?.get(src === this.#self.public ? dst : src);
      if (owner === undefined || owner === this.#number) return KEPT;
      const there = dst === publics[owner] && src === this.#self.public ? 'to' : dst === this.#self.public ? 'from' : `${src} ${dst}`;
      this.#sorter.add(owner, intern(`sa ${there} ${proto} ${reqid} ${mode} ${encap?.sport} ${encap?.dport}`));
      return owner;
    });
  }

  #owner(prefix: Prefix): number | undefined {
    return this.#index.bySubnet.get(prefix);
  }
}
