import {link as links} from '../kernel/link.js';
import {listing} from './pair.js';
import {called, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const vpcHostRouteMissing = policyRule({
  id: 'vpc-host-route-missing',
  stage: 'route',
  severity: 'error',
  holds: "The main table has a route for every pod of the node, to the node's end of its veth.",
  cause: "The node's end went down for a moment (its route goes with it and does not come back), or somebody removed the route.",
  effect: 'Packets to the pod leave the node again by the default route; nobody reaches it.',
  remedy: 'Write the route again, and bring the device up before where it is down.',
  fix: 'safe',
  needs: ['route', 'rule', 'link'],
  *check(view, {pods, others}) {
    const {name, state} = view;
    const routed = new Set((state.tables.route ?? []).map((r) => r.dev));
    // A pod that was not looked into, of which only the rules are left, and the one device that nothing leads to.
    const idle = (state.tables.link ?? []).filter(
      (l) => l.kind === 'veth' && l.master === undefined && /^(eni|cali)[0-9a-f]{11}$/.test(l.ifname) && !routed.has(l.ifname),
    );
    const orphans = others.filter((o) => o.host.length === 0 && o.to.length > 0 && o.from.length > 0);
    const guessed = orphans.length === 1 && idle.length === 1 && !pods.some((p) => p.host.length === 0);
    const lacking = [...pods.filter((p) => p.host.length === 0), ...(guessed ? [{...orphans[0]!, veth: idle[0]!}] : [])];
    for (const pod of lacking) {
      const {veth} = pod;
      const down = veth !== undefined && !veth.flags.includes('UP');
      yield {
        subject: called(pod),
        message: `${name} has no route to its pod ${called(pod)}${down ? `, and ${veth.ifname} is down` : ''}`,
        effect: `nobody reaches ${called(pod)}, and it gets no answers`,
        evidence: [
          absent(name, listing(view, 'route', 4), `${pod.address} dev ${veth?.ifname ?? '…'} scope link`),
          ...(veth ? [rows(name, links.show, [veth])] : []),
        ],
        steps:
          veth === undefined
            ? []
            : [
                ...(down ? [step(name, ['ip', 'link', 'set', veth.ifname, 'up'])] : []),
                step(name, ['ip', 'route', 'replace', pod.address, 'dev', veth.ifname, 'scope', 'link']),
              ],
        dependsOn: [token.forwarding(name)],
        breaks: [token.pod(name, pod.address)],
      };
    }
  },
});
