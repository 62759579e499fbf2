import {leaseOf} from '../flannel/lease.js';
import {address as table} from '../kernel/address.js';
import {addressDelete, addressReplace, routeDelete} from '../kernel/commands.js';
import {route as routes} from '../kernel/route.js';
import type {NodeView} from '../model/view.js';
import {contains} from '../net/prefix.js';
import {replayRows, step} from './remedy.js';
import {absent, type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const vxlanDevAddressWrong: NodeRule = {
  id: 'vxlan-dev-address-wrong',
  scope: 'node',
  stage: 'device',
  severity: 'warning',
  holds: "The tunnel device has the network address of the node's pod subnet and no other address of the pod network.",
  cause: 'dhcpcd, NetworkManager or a person configured the device like a NIC.',
  effect: 'The node itself talks to remote pods from a strange address; pods among themselves are not concerned.',
  remedy:
    'Put the address right (taking the last one off also took the routes and neighbours), and keep other programs off flannel*, cni0 and veth*.',
  fix: 'ask',
  modes: ['vxlan', 'udp', 'ipip', 'wireguard'],
  needs: ['link', 'address'],
  *check(view) {
    yield* addresses(view);
    yield* defaultRoutes(view);
  },
};

function* addresses({name, changes, expected: wanted, state, cluster, self}: NodeView): Generator<Observation> {
  // WireGuard's peers do not hang on the address.
  const expected = wanted && {...wanted, wg: []};
  const devices = new Map((state.tables.link ?? []).map((l) => [l.ifname, l]));
  const command = state.commands['ip-addr'] ?? 'ip addr show';
  for (const change of changes.address ?? []) {
    if (change.kind === 'unexpected') {
      const {actual} = change;
      // flannel leaves foreign addresses outside its network alone.
      if (!self || !leaseOf(self, actual.family) || !cluster.networks.some((n) => contains(n, actual.local))) continue;
      yield {
        subject: `${actual.local} on ${actual.dev}`,
        message: `${actual.dev} on ${name} also has ${actual.local}/${actual.prefixlen}`,
        evidence: [rows(name, table.show, [actual])],
        steps: [step(name, addressDelete(actual))],
        dependsOn: [token.lease(name), token.device(name, actual.dev)],
      };
      continue;
    }
    const {row} = change.want;
    const device = devices.get(row.dev);
    // A device that is gone or down has lost more than its address (IPv6 addresses go when it goes down).
    if (!device?.flags.includes('UP') || !expected) continue;
    if (change.kind === 'differs') {
      yield {
        subject: `${row.local} on ${row.dev}`,
        message: `${row.dev} on ${name} has ${row.local}/${change.actual[0].prefixlen}, it should be /${row.prefixlen}`,
        evidence: [rows(name, table.show, change.actual)],
        // A longer prefix beside it cannot replace it: first the right one, so that the device is never without.
        steps: [
          step(name, addressReplace(row)),
          step(name, addressDelete(change.actual[0])),
          step(name, addressReplace(row)),
          ...replayRows(name, expected, (dev) => dev === row.dev),
        ],
        dependsOn: [token.lease(name)],
      };
      continue;
    }
    const lost = (changes.route ?? []).some((c) => c.kind === 'missing' && c.want.row.dev === row.dev);
    yield {
      ...(lost && {
        severity: 'error' as const,
        effect: `the routes and neighbours of ${row.dev} went with its last address: pods of ${name} cannot reach pods of other nodes`,
      }),
      subject: `${row.local} on ${row.dev}`,
      message: `${row.dev} on ${name} lacks its address ${row.local}/${row.prefixlen}`,
      evidence: [absent(name, command, table.show(row))],
      steps: replayRows(name, expected, (dev) => dev === row.dev),
      dependsOn: [token.lease(name)],
      breaks: lost ? [token.device(name, row.dev)] : [],
    };
  }
}

function* defaultRoutes({name, state, cluster: {mode, settings}}: NodeView): Generator<Observation> {
  const ours = new Set(mode && settings ? mode.devices(settings).map((d) => d.name) : []);
  for (const family of [4, 6] as const) {
    const defaults = (state.tables.route ?? []).filter(
      (r) => r.family === family && r.table === 'main' && r.dst.endsWith('/0') && r.type === 'unicast',
    );
    const best = defaults.toSorted((a, b) => a.metric - b.metric)[0];
    for (const route of defaults.filter((r) => r.dev !== undefined && ours.has(r.dev))) {
      yield {
        ...(route === best && {
          severity: 'error' as const,
          effect: `everything that leaves the cluster from ${name} goes into the tunnel and is lost`,
        }),
        subject: `default dev ${route.dev}`,
        message: `${name} has a default route through ${route.dev}`,
        evidence: [rows(name, routes.show, [route])],
        steps: [step(name, routeDelete(route))],
      };
    }
  }
}
