import {localOf} from '../kernel/link.js';
import {type Family, familyOf} from '../net/address.js';
import {overheadOf as espOverhead} from './esp.js';
import {OVERHEAD as ipipOverhead} from './ipip.js';
import type {InFlight, Inner} from './packet.js';
import type {Peer} from './peer-index.js';
import {formOf} from './tunnels.js';
import {isOurs, OVERHEAD as udpOverhead} from './user-space.js';
import {overheadOf as vxlanOverhead} from './vxlan.js';
import {overheadOf as wireguardOverhead} from './wireguard.js';
import type {Place} from './world.js';

/** A form in which packets of peers come to a node, and how one of a peer's looks in it. */
export interface Form {
  readonly form: string;
  /** What the sender must know of this node's end of the tunnel: its hardware address, its key; empty where it need know nothing. */
  readonly end: string;
  wrap(packet: InFlight, peer: Peer): InFlight;
}

/** In words, for people. */
export function formName(form: string): string {
  const [via = '', port] = form.split(' ');
  if (/^\d+$/.test(via)) return `VXLAN ${via} on UDP ${port}`;
  return via === 'ipip' ? 'IPIP' : via === 'wireguard' ? `WireGuard on UDP ${port}` : via === 'udp' ? `UDP ${port}` : 'ESP';
}

/** What a peer's lease says of its end of tunnels of this form. */
export const endOfLease = (form: string, {mac, key}: Pick<Peer, 'mac' | 'key'>): string | undefined => {
  const [via = ''] = form.split(' ');
  return via === 'wireguard' ? key : /^\d+$/.test(via) ? mac : '';
};

/** The end of the tunnel that a packet is meant for. */
export const endMeant = ({inner}: InFlight): string | undefined =>
  inner?.via === 'vxlan' ? inner.dstMac : inner?.via === 'wireguard' ? inner.to : inner && '';

/** Every form that tunnels of this node take packets in, with outer packets of this family. */
export function formsAt({state, own}: Place, family: Family, self: Peer, udpPort: number): readonly Form[] {
  const made = (
    end: string,
    add: number,
    parts: Pick<InFlight, 'proto'> & Partial<Pick<InFlight, 'sport' | 'dport'>>,
    inner: (packet: InFlight, peer: Peer) => Inner,
  ): Form => {
    const wrap = (packet: InFlight, peer: Peer): InFlight => ({
      family,
      src: peer.public,
      dst: self.public,
      ...parts,
      size: packet.size + add,
      mark: 0,
      ttl: 64,
      reply: false,
      inner: inner(packet, peer),
    });
    const any: InFlight = {family, src: self.public, dst: self.public, proto: 'icmp', size: 0, mark: 0, ttl: 0, reply: false};
    return {form: formOf(wrap(any, self)), end, wrap};
  };
  const devices = (state.tables.link ?? []).filter((l) => l.flags.includes('UP'));
  const forms = devices.flatMap((link): readonly Form[] => {
    const local = localOf(link);
    if (link.kind === 'vxlan' && link.address !== undefined && (local === undefined || familyOf(local) === family)) {
      const [mac, vni, dport] = [link.address, Number(link.info?.['id']), Number(link.info?.['port'] ?? 8472)];
      return [
        made(mac, vxlanOverhead[family], {proto: 'udp', sport: 50_000, dport}, (packet, peer) => ({
          via: 'vxlan',
          packet,
          vni,
          srcMac: peer.mac,
          dstMac: mac,
        })),
      ];
    }
    if (link.kind === 'ipip' && family === 4) return [made('', ipipOverhead, {proto: 'ipip'}, (packet) => ({via: 'ipip', packet}))];
    const [key, port] = [link.info?.['publicKey'], link.info?.['listenPort']];
    if (link.kind === 'wireguard' && typeof key === 'string' && typeof port === 'number')
      return [
        made(key, wireguardOverhead[family], {proto: 'udp', sport: port, dport: port}, (packet, peer) => ({
          via: 'wireguard',
          packet,
          from: peer.key ?? '',
          to: key,
          session: 'live',
          preshared: state.tables.wg?.find((p) => p.dev === link.ifname && p.publicKey === peer.key)?.preshared === true,
        })),
      ];
    if (isOurs(link) && family === 4) {
      const dport = own?.sockets?.find((s) => s.process?.includes('flanneld'))?.port ?? udpPort;
      return [made('', udpOverhead, {proto: 'udp', sport: dport, dport}, (packet) => ({via: 'udp', packet}))];
    }
    return [];
  });
  const {sa} = state.tables;
  const carriers = [...new Set((sa ?? []).filter((s) => s.dst === self.public).map((s) => s.encap?.dport))];
  const secured = carriers.map((dport) =>
    made('', espOverhead(family), dport === undefined ? {proto: 'esp'} : {proto: 'udp', sport: dport, dport}, (packet, peer) => ({
      via: 'esp',
      packet,
      // No association has this number: it is reserved.
      spi: sa?.find((s) => s.src === peer.public && s.dst === self.public && s.encap?.dport === dport)?.spi ?? 0,
    })),
  );
  return [...new Map([...forms, ...secured].map((one) => [one.form, one])).values()];
}
