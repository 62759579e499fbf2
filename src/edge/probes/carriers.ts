import {localOf} from '../../core/kernel/link.js';
import {type Carrier, tapsOf} from '../../core/path/tap.js';
import type {Traced} from '../trace.js';

/** The tunnels that captures must know: what looks like one, and what of it can be looked into. */
export interface Carriers {
  /** UDP ports of VXLAN, and of flannel's udp backend. */
  readonly vxlan: readonly number[];
  readonly udp: readonly number[];
  readonly ipip: boolean;
  /** Encrypted: known again by their outer addresses and their size alone. */
  readonly sealed: readonly Carrier[];
}

export const noCarriers: Carriers = {vxlan: [], udp: [], ipip: false, sealed: []};

/** The tunnels that may be met on these walks: those of the nodes' devices, and those that the walks go by. */
export function carriersOf(traced: readonly Traced[]): Carriers {
  const taken = traced.flatMap(({there, back}) =>
    [there, back].flatMap((walk) => (walk ? tapsOf(walk).flatMap(({tap}) => tap.tunnel ?? []) : [])),
  );
  const nodes = traced.flatMap(({world}) => [...world.nodes.values()]);
  const links = nodes.flatMap(({state}) => state.tables.link ?? []);
  const ports = (via: Carrier['via']): readonly number[] => taken.flatMap((t) => (t.via === via ? (t.port ?? []) : []));
  const devices = links.filter((l) => l.kind === 'vxlan' && localOf(l) !== undefined).map((l) => Number(l.info?.['port'] ?? 8472));
  const sealed = taken.filter(({via}) => via === 'wireguard' || via === 'esp');
  return {
    vxlan: usable([...ports('vxlan'), ...devices]),
    udp: usable(ports('udp')),
    ipip: taken.some(({via}) => via === 'ipip') || links.some((l) => l.kind === 'ipip' && l.flags.includes('UP')),
    sealed: [...new Map(sealed.map((one) => [JSON.stringify(one), one])).values()],
  };
}

const usable = (ports: readonly number[]): readonly number[] =>
  [...new Set(ports)].filter((port) => Number.isInteger(port) && port > 0).toSorted((a, b) => a - b);
