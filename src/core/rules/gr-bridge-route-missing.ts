import {lookup} from '../forwarding/lookup.js';
import {route as routes} from '../kernel/route.js';
import {contains} from '../net/prefix.js';
import {globalRouterRule} from './global-router.js';
import {listing} from './pair.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const grBridgeRouteMissing = globalRouterRule({
  id: 'gr-bridge-route-missing',
  stage: 'route',
  severity: 'error',
  holds: "The node's part of the container network is routed to its bridge.",
  cause: 'The kernel made the route with the address, and somebody deleted it or flushed the routes.',
  effect:
    'What comes in for its pods goes back to the gateway, round and round until it has lived too long; nothing beyond the node gets through.',
  remedy: 'Write the route again, as the kernel made it.',
  fix: 'safe',
  needs: ['link', 'address', 'route'],
  *check(view, {bridge, link, subnet, gateway, addresses, pods}) {
    const {name, state} = view;
    if (!link?.flags.includes('UP') || !addresses.some((a) => a.local === gateway)) return;
    const routed = (state.tables.route ?? []).some(
      (r) =>
        r.family === 4 &&
        r.table === 'main' &&
        r.dev === bridge &&
        r.gateway === undefined &&
        contains(r.dst, subnet) &&
        r.dst !== '0.0.0.0/0',
    );
    if (routed) return;
    const way = lookup(state, {dst: pods[0]?.address.local ?? gateway.replace(/\d+$/, (n) => String(Number(n) + 1))});
    yield {
      subject: subnet,
      message: `${name} has no route for ${subnet} to ${bridge}${way.kind === 'route' && way.route.dev !== undefined ? `: packets for its pods leave by ${way.route.dev}` : ''}`,
      effect: `nobody beyond ${name} reaches its pods, and ${name} itself does not either`,
      evidence: [
        absent(name, listing(view, 'route', 4), `${subnet} dev ${bridge} proto kernel scope link src ${gateway}`),
        ...(way.kind === 'route' ? [rows(name, routes.show, [way.route])] : []),
      ],
      steps: [step(name, ['ip', 'route', 'add', subnet, 'dev', bridge, 'proto', 'kernel', 'scope', 'link', 'src', gateway])],
      dependsOn: [token.bridge(name)],
      breaks: [token.bridge(name)],
    };
  },
});
