import type {Link} from '../kernel/link.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import {looked} from '../node/state.js';
import {idleTunnel} from './idle-tunnel.js';
import {rebuildDevice} from './rebuild.js';
import {absent, type Observation} from './rule.js';
import {token} from './token.js';

/** The tunnel devices that a mode wants and the node lacks, for the rules of the modes that have devices besides VXLAN's. */
export function* missingDevices(view: NodeView): Generator<Observation> {
  const {name, state, cluster, changes} = view;
  for (const change of changes.link ?? []) {
    if (change.kind !== 'missing') continue;
    const {row, family} = change.want;
    yield {
      subject: row.ifname,
      message: `${name} has no ${row.ifname}`,
      effect: bothWays(view, change.want),
      ...idleTunnel(view, row.ifname, family),
      evidence: [absent(name, state.commands['ip-link'] ?? 'ip -d link show', row.ifname)],
      // A preshared key is in no table: only flanneld can write such peers.
      steps: looked(state, 'route') && cluster.settings?.psk !== true ? rebuildDevice(view, change.want) : [],
      dependsOn: [token.lease(name), token.device(name, row.ifname)],
      breaks: [token.device(name, row.ifname)],
    };
  }
}

/** What a node without its tunnel device loses. */
export const bothWays = ({name, self}: NodeView, {family}: Want<Link>): string =>
  `pods of ${name} (${(family === 4 ? self?.subnet : self?.ipv6Subnet) ?? 'subnet unknown'}) cannot reach pods of other nodes, in both directions`;
