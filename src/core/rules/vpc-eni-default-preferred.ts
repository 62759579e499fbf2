import {route as routes} from '../kernel/route.js';
import {policyRule} from './policy-pods.js';
import {rows} from './rule.js';

export const vpcEniDefaultPreferred = policyRule({
  id: 'vpc-eni-default-preferred',
  stage: 'route',
  severity: 'error',
  holds: "The node's default route leads over its own interface.",
  cause: 'A DHCP client configured the second interface with a better metric, or the default route over the first one is gone.',
  effect: "What the node itself sends leaves by the pods' interface; with the node's address a cloud that checks drops it.",
  remedy: "Give the route over the pods' interface a higher metric, and take that interface away from the network manager.",
  fix: 'ask',
  needs: ['route', 'rule'],
  *check({name, state}, {tables}) {
    const enis = new Set(tables.flatMap((t) => (t.gateway?.dev === undefined ? [] : [t.gateway.dev])));
    const defaults = (state.tables.route ?? [])
      .filter((r) => r.family === 4 && r.table === 'main' && r.dst === '0.0.0.0/0' && r.type === 'unicast')
      .toSorted((a, b) => a.metric - b.metric);
    const [first] = defaults;
    if (first?.dev === undefined || !enis.has(first.dev)) return;
    // An interface that holds the node's own address may serve pods too.
    const own = defaults.find((r) => r.dev !== undefined && !enis.has(r.dev));
    const primary = (state.tables.route ?? []).find(
      (r) =>
        r.family === 4 && r.table === 'main' && r.protocol === 'kernel' && r.gateway === undefined && r.dev !== first.dev && isNic(r.dev),
    );
    if (!own && !primary) return;
    yield {
      subject: `default dev ${first.dev}`,
      message: own
        ? `the default route of ${name} leads over ${first.dev}, an interface of pods, before ${own.dev}`
        : `the only default route of ${name} leads over ${first.dev}, an interface of pods, not over ${primary?.dev}`,
      evidence: [rows(name, routes.show, own ? [first, own] : [first, ...(primary ? [primary] : [])])],
    };
  },
});

const isNic = (dev: string | undefined): boolean => dev !== undefined && /^(eth|en[sopx])\w*$/.test(dev) && !/^eni[0-9a-f]{11}$/.test(dev);
