import type {Link} from '../../core/kernel/link.js';
import type {Ip, Mac} from '../../core/net/address.js';
import type {Endpoint} from '../../core/path/endpoint.js';
import {type Tap, tapsOf} from '../../core/path/tap.js';
import {isWire, type Place, portOf, type World} from '../../core/path/world.js';
import type {Traced} from '../trace.js';

/** A device that is watched. */
export interface Point {
  readonly node: string;
  readonly pod?: string;
  /** One of the pod's addresses: how its namespace is found again. */
  readonly address?: Ip;
  readonly dev: string;
  /** Tunnels leave the node by it. */
  readonly wire: boolean;
  /** A frame that it shows is for it, or for what is behind it, only with this hardware address: a switch may flood what it does not know. */
  readonly mac?: Mac;
}

export const keyOf = ({node, pod, dev}: Pick<Point | Tap, 'node' | 'pod' | 'dev'>): string => JSON.stringify([node, pod ?? null, dev]);

/** Tunnel devices that flannel makes; of TUN devices, which others make too, by their name. */
const isTunnel = ({kind, ifname}: Link): boolean =>
  kind === 'vxlan' || kind === 'wireguard' || (kind === 'ipip' && ifname !== 'tunl0') || (kind === 'tun' && /^flannel\d+$/.test(ifname));

/** Every device at either end that the packet passes in a healthy cluster, in the order from the wire to the pod; those that are down show nothing. */
export function devicesOf(world: World, end: Endpoint, family: 4 | 6, alone: boolean): readonly Point[] {
  const node = end.node === undefined ? undefined : world.nodes.get(end.node);
  if (!node) return [];
  const links = (node.state.tables.link ?? []).filter((link) => link.flags.includes('UP'));
  const own = (link: {ifname: string; address?: Mac}): Point => ({
    node: node.node,
    dev: link.ifname,
    wire: false,
    ...(link.address !== undefined && {mac: link.address}),
  });
  const has = (dev: string): boolean => (node.state.tables.address ?? []).some((a) => a.dev === dev && a.scope === 'global');
  const wires = alone
    ? []
    : links.filter((link) => isWire(world, node, link) && has(link.ifname)).map((link) => ({...own(link), wire: true}));
  const tunnels = alone ? [] : links.filter(isTunnel).map(own);
  const pod = world.pods.get(node.node)?.find((p) => p.pod === (end.pod ?? end.addresses[family]));
  if (!pod || pod.inferred) return [...wires, ...tunnels];
  const eth = (pod.state.tables.link ?? []).filter((link) => link.flags.includes('UP') && link.ifname !== 'lo');
  const ports = eth.flatMap((link) => portOf(world, pod, link)?.link ?? []);
  const bridges = links.filter((link) => ports.some((port) => port.master === link.ifname)).map(own);
  const behind = ports
    .filter((port) => port.flags.includes('UP'))
    .map((port): Point => ({...own({ifname: port.ifname}), ...(eth[0]?.address !== undefined && {mac: eth[0].address})}));
  const inside = eth.map((link): Point => ({...own(link), pod: pod.pod!, ...addressOfPod(pod)}));
  return [...wires, ...tunnels, ...bridges, ...behind, ...inside];
}

const addressOfPod = (pod: Place): {readonly address?: Ip} => {
  const address = pod.state.tables.address?.find((a) => a.scope === 'global')?.local;
  return address === undefined ? {} : {address};
};

/** The device of a tap, as a point to watch. */
function pointOf(world: World, {node, pod, dev}: Tap): Point {
  const place = pod === undefined ? world.nodes.get(node) : world.pods.get(node)?.find((p) => p.pod === pod);
  const link = place?.state.tables.link?.find((l) => l.ifname === dev);
  const wire = pod === undefined && place !== undefined && link !== undefined && isWire(world, place, link);
  return {node, dev, wire, ...(pod !== undefined && {pod}), ...(pod !== undefined && place && addressOfPod(place))};
}

/** Where to watch for a flow: every device on its way, and those at both ends that it does not come to when it breaks. */
export function pointsOf({world, there, back, from, to, family}: Traced, watch: 'every' | 'receiver'): readonly Point[] {
  const alone = from.node === to.node;
  const far = devicesOf(world, to, family, alone);
  const walked = [there, back].flatMap((walk) => (walk ? tapsOf(walk).map(({tap}) => pointOf(world, tap)) : []));
  const arrival = tapsOf(there).at(-1)?.tap;
  if (watch === 'receiver') {
    const inside = far.filter((p) => p.pod !== undefined);
    return inside.length > 0 || to.kind !== 'node' || !arrival
      ? inside
      : walked.filter((p) => p.node === to.node && keyOf(p) === keyOf(arrival));
  }
  return unique([...walked, ...devicesOf(world, from, family, alone), ...far]);
}

export const unique = (points: readonly Point[]): readonly Point[] => [...new Map(points.map((p) => [keyOf(p), p])).values()];
