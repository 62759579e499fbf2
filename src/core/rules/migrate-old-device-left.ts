import {linkDelete} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {route as routeTable} from '../kernel/route.js';
import {isFlannelTunnel} from '../modes/tunnel-weight.js';
import {peerOver} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const migrateOldDeviceLeft: NodeRule = {
  id: 'migrate-old-device-left',
  scope: 'node',
  stage: 'leftover',
  severity: 'warning',
  holds: 'The only flannel tunnel devices are those of the backend that is in use.',
  cause: 'The backend or its VNI was changed; flanneld does not remove the devices of the earlier one.',
  effect: "None while no route uses the device; it still takes in old packets, and keeps an address of the node's subnet.",
  remedy: 'Delete it once every node has been switched.',
  fix: 'ask',
  needs: ['link', 'route'],
  *check(view) {
    const {name, cluster, state, member} = view;
    const {mode, settings} = cluster;
    if (!mode || !settings) return;
    const wanted = new Set(mode.devices(settings).map((d) => d.name));
    for (const link of state.tables.link ?? []) {
      if (wanted.has(link.ifname) || !isFlannelTunnel(link)) continue;
      // The one route of wireguard or udp to all pods loses against the backend's own, except where that has such a one itself.
      const users = (state.tables.route ?? []).filter(
        (r) =>
          r.dev === link.ifname &&
          r.table === 'main' &&
          (r.gateway !== undefined || (r.protocol !== 'kernel' && !cluster.networks.includes(r.dst))),
      );
      yield {
        subject: link.ifname,
        message: `${link.ifname} (${link.kind}) on ${name} belongs to no device of ${mode.title}, which the cluster runs`,
        ...(users.length > 0 && {effect: `${users.length} routes still use it`}),
        evidence: [rows(name, table.show, [link]), ...(users.length > 0 ? [rows(name, routeTable.show, users.slice(0, 5))] : [])],
        // Deleting a device that is in use cuts traffic: the routes come first.
        ...(users.length === 0 && {steps: [step(name, linkDelete(link.ifname))]}),
        dependsOn: [...new Set(users.flatMap((r) => peerOver(view, r.dst)?.node ?? []).map((peer) => token.route(name, peer)))],
        ...(member.mode && member.mode !== mode && {severity: 'info' as const}),
      };
    }
  },
};
