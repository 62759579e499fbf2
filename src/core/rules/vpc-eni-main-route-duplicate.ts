import {lookup} from '../forwarding/lookup.js';
import {routeDelete} from '../kernel/commands.js';
import {route as routes} from '../kernel/route.js';
import {globalRouterNode} from '../model/bridged-node.js';
import type {PolicyPod} from '../model/policy-node.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {unusedIn} from './flows.js';
import {called, checksSource, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';

export const vpcEniMainRouteDuplicate = policyRule({
  id: 'vpc-eni-main-route-duplicate',
  stage: 'route',
  severity: 'warning',
  holds: "The subnet of the node's own interface is reached by that interface alone.",
  cause: 'A network manager put an address on the second interface, and the kernel its connected route.',
  effect: "Answers of the node itself leave by the pods' interface with the node's address, and a cloud that checks drops them.",
  remedy: 'Delete the route over the second interface, and take that interface away from the network manager.',
  fix: 'safe',
  needs: ['route', 'rule'],
  *check(view, {tables, uplink, pods}) {
    const {name, state} = view;
    const enis = new Set(tables.flatMap((t) => (t.gateway?.dev === undefined || t.gateway.dev === uplink ? [] : [t.gateway.dev])));
    const connected = (state.tables.route ?? []).filter(
      (r) =>
        r.family === 4 &&
        r.table === 'main' &&
        r.type === 'unicast' &&
        r.gateway === undefined &&
        r.dst !== '0.0.0.0/0' &&
        !r.dst.endsWith('/32'),
    );
    for (const row of connected) {
      if (row.dev === undefined || !enis.has(row.dev)) continue;
      const own = connected.find((r) => r.dst === row.dst && r.dev === uplink);
      if (!own || row.metric > own.metric) continue;
      const led = sentBy(view, pods, row.dev, unusedIn(row.dst));
      const lost = led.length > 0 && checksSource(view, row.dev);
      yield {
        ...(lost && {severity: 'error' as const}),
        ...(led.length > 0 && {
          effect: `what ${name} itself and its ${led.length === 1 ? 'pod' : 'pods'} ${led.join(', ')} send to ${row.dst} leaves by ${row.dev}${lost ? ', and the cloud drops it' : ': lost where the cloud checks whose address packets carry'}`,
        }),
        subject: `${row.dst} dev ${row.dev}`,
        message: `${name} reaches ${row.dst} by ${row.dev}, an interface of pods, before its own ${own.dev}`,
        evidence: [rows(name, routes.show, [row, own])],
        steps: [step(name, routeDelete(row))],
      };
    }
  },
});

/** Pods that are not this interface's and whose packets the main table leads there: those on a bridge, and those of the first interface. */
function sentBy(view: NodeView, policy: readonly PolicyPod[], dev: string, dst: Ip): readonly string[] {
  const leaves = (src: Ip, iif: string): boolean => {
    const way = lookup(view.state, {dst, src, iif});
    return way.kind === 'route' && way.route.dev === dev;
  };
  const bridged = globalRouterNode(view);
  return [
    ...policy.flatMap((pod) => (pod.veth && pod.eni?.dev !== dev && leaves(pod.address, pod.veth.ifname) ? [called(pod)] : [])),
    ...(bridged?.pods ?? []).flatMap(({pod, address, host}) =>
      host?.master === bridged?.bridge && leaves(address.local, bridged!.bridge) ? [called({pod, address: address.local})] : [],
    ),
  ];
}
