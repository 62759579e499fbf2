import {leaseOf} from '../../flannel/lease.js';
import {lookup} from '../../forwarding/lookup.js';
import type {NodeView} from '../../model/view.js';
import {modeOf} from '../../modes/index.js';
import type {Family} from '../../net/address.js';
import {looked} from '../../node/state.js';
import type {Target} from '../plan.js';

const families: readonly Family[] = [4, 6];
const tables = ['link', 'address', 'route', 'neigh', 'fdb'] as const;

const secrets = {keys: 'wg', policies: 'xfrm'} as const;

/** Why one node cannot be planned for at all, as its own tables tell; empty when it can. `view`: as it is now. */
export function unplannable({name, state, member, expected, self, cluster}: NodeView): readonly string[] {
  if (state.failure && Object.keys(state.tables).length === 0) return [`${name} could not be read: ${state.failure.message}`];
  const unread = tables.filter((table) => !looked(state, table));
  if (unread.length > 0) return [`${name}: ${unread.join(', ')} could not be read`];
  const secured = cluster.mode?.encrypts && secrets[cluster.mode.encrypts];
  if (secured !== undefined && !looked(state, secured)) return [`${name}: ${secured} could not be read`];
  if (state.sysctl === undefined) return [`${name}: its sysctls could not be read, and rp_filter decides what a change loses`];
  if (!self || !member.uplink || !expected) return [`${name}: its lease, its uplink or the mode it runs is not known`];
  return [];
}

/** What keeps the target from working between this node and its peers, as far as routes and addresses tell. `view`: as the target has it. */
export function unreachable({name, state, self, peers, member}: NodeView, {type, settings}: Target): readonly string[] {
  const why: string[] = [];
  for (const family of families) {
    const own = self && leaseOf(self, family);
    if (!own) continue;
    const gateways = modeOf(type)?.gateways;
    const needsAll = gateways === 'link';
    const held = (state.tables.address ?? []).some((a) => a.local === own.publicIP);
    if (gateways !== undefined && !held)
      why.push(`${name}: its public address ${own.publicIP} is on none of its interfaces (NAT), and ${type} needs it there`);
    if (!needsAll && modeOf(type)?.devices(settings).length === 0) continue;
    for (const other of peers) {
      const peer = leaseOf(other, family);
      if (!peer || !needsAll) continue;
      const found = lookup(state, {dst: peer.publicIP});
      const [leg] = found.kind === 'route' ? found.legs : [];
      if (leg?.gateway !== undefined)
        why.push(
          `${name} reaches ${peer.node} (${peer.publicIP}) through the router ${leg.gateway}: ${type} needs every pair of nodes on one L2 segment`,
        );
      else if (leg === undefined || leg.dev !== member.uplink?.name)
        why.push(
          `${name} reaches ${peer.node} (${peer.publicIP}) ${leg === undefined ? 'by no route' : `by ${leg.dev}`}, not by its uplink ${member.uplink?.name ?? ''}`,
        );
    }
  }
  return why;
}
