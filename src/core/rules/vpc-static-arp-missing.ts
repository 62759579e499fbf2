import {nowhere} from '../model/policy-node.js';
import {called, inPod, policyRule, stepInPod} from './policy-pods.js';
import {absent} from './rule.js';
import {sysctlNumber} from './sysctl.js';
import {token} from './token.js';

export const vpcStaticArpMissing = policyRule({
  id: 'vpc-static-arp-missing',
  stage: 'pod',
  severity: 'error',
  holds: 'In every pod its gateway 169.254.1.1 has a permanent neighbour entry: nobody would answer for it.',
  cause: 'The plugin failed half way, or something in the pod flushed its neighbours.',
  effect: 'The pod sends nothing, answers neither; the routes look right.',
  remedy: "Write the entry again, with the hardware address of the node's end.",
  fix: 'safe',
  needs: ['pods', 'link', 'sysctl'],
  *check(view, {pods}) {
    const {name} = view;
    for (const policy of pods) {
      const {pod, eth, veth} = policy;
      if (!pod || !eth || pod.tables.neigh === undefined || !usesNowhere(pod)) continue;
      const rowsOf = pod.tables.neigh.filter((n) => n.dst === nowhere && n.dev === eth.ifname);
      if (rowsOf.some((n) => n.lladdr !== undefined && !n.state.includes('FAILED'))) continue;
      const proxy = veth && Math.max(...['all', veth.ifname].map((d) => sysctlNumber(view, `net/ipv4/conf/${d}/proxy_arp`) ?? 0));
      // The node answers for it then, and the entry comes by itself.
      if (proxy !== undefined && proxy > 0) continue;
      yield {
        subject: called(policy),
        message: `${called(policy)} on ${name} has no hardware address for its gateway ${nowhere}, and nobody answers for it`,
        effect: `${called(policy)} reaches nobody, and nobody gets an answer of it`,
        evidence: [absent(name, inPod('ip neigh show', pod.name), `${nowhere} dev ${eth.ifname} lladdr ${veth?.address ?? '…'} PERMANENT`)],
        steps:
          veth?.address === undefined
            ? []
            : [
                stepInPod(name, pod.name, [
                  'ip',
                  'neigh',
                  'replace',
                  nowhere,
                  'lladdr',
                  veth.address,
                  'dev',
                  eth.ifname,
                  'nud',
                  'permanent',
                ]),
              ],
        breaks: [token.pod(name, policy.address)],
      };
    }
  },
});

const usesNowhere = (pod: {readonly tables: {readonly route?: readonly {readonly gateway?: string; readonly dst: string}[]}}): boolean =>
  pod.tables.route?.some((r) => r.gateway === nowhere || r.dst === `${nowhere}/32`) ?? false;
