import {tables} from '../kernel/index.js';
import type {NodeDump} from '../node/dump.js';
import type {NodeState} from '../node/state.js';
import {buildCluster, type Cluster, type Given, type Member} from './cluster.js';
import {readNode} from './read-node.js';
import type {Surveyor} from './survey.js';

const supplying = (name: 'link' | 'address' | 'route'): readonly string[] => tables[name].supply.flatMap((s) => s.sections);

/**
 * What tells a node's devices and addresses and what it was configured for: small, however many peers there are, but for the listing of
 * WireGuard, which alone tells the key and the port of the node's own device.
 */
const own: ReadonlySet<string> = new Set([...supplying('link'), 'wg-show', ...supplying('address'), 'subnet.env', 'net-conf.json', 'pods']);
const pods = new RegExp(`^pods/[^/]+/(?:${supplying('address').join('|')})$`);
const podRoutes = new RegExp(`^pods/[^/]+/(?:${supplying('route').join('|')})$`);

/** The node with nothing read but that: its tables towards peers, its firewall and its kernel parameters count as not gathered. */
export function readOutline(dump: NodeDump): NodeState {
  // Of a pod whose addresses nobody listed, its routes may tell them.
  const addressed = new Set(dump.sections.flatMap((s) => (pods.test(s.name) ? podOf(s.name) : [])));
  const wanted = (name: string): boolean => own.has(name) || pods.test(name) || (podRoutes.test(name) && !addressed.has(podOf(name)!));
  return readNode({...dump, sections: dump.sections.filter((s) => wanted(s.name))});
}

const podOf = (section: string): string | undefined => /^pods\/([^/]+)\//.exec(section)?.[1];

export interface Outline {
  /** Names, addresses, devices and pod networks as the whole model has them; leases, modes and uplinks are not there. */
  readonly cluster: Cluster;
  /** Something that only the whole model has was asked for: what came of it does not count. */
  readonly insufficient: boolean;
}

/** The model as far as the outlines of the nodes carry it. Leases rest on what peers hold, and uplinks on routes. */
export function outline(surveyor: Pick<Surveyor, 'surveys' | 'claims'>, given: Given): Outline {
  let insufficient = false;
  const ask = (): undefined => {
    insufficient = true;
    return undefined;
  };
  const whole = buildCluster(surveyor, given);
  const members = whole.members.map(
    ({name, survey}): Member => Object.defineProperties({name, survey}, {lease: {get: ask}, uplink: {get: ask}, mode: {get: ask}}),
  );
  const cluster: Cluster = Object.defineProperties(
    {...whole, members},
    {mode: {get: ask}, settings: {get: ask}, claims: {get: () => ask() ?? whole.claims}, complete: {get: () => ask() ?? false}},
  );
  return {
    cluster,
    get insufficient() {
      return insufficient;
    },
  };
}
