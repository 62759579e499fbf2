import {neigh as neighbours} from '../kernel/neigh.js';
import {nowhere} from '../model/policy-node.js';
import {called, policyRule, stepInPod} from './policy-pods.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcStaticArpMismatch = policyRule({
  id: 'vpc-static-arp-mismatch',
  stage: 'pod',
  severity: 'error',
  holds: "A pod's neighbour entry for 169.254.1.1 has the hardware address of the node's end of its veth.",
  cause: "The node's end was made anew or got another hardware address (udev, MACAddressPolicy=persistent) after the entry was written.",
  effect: 'The node drops what the pod sends, as meant for somebody else; the routes look right.',
  remedy: "Write the entry again, with the hardware address of the node's end.",
  fix: 'safe',
  needs: ['pods', 'link'],
  *check({name}, {pods}) {
    for (const policy of pods) {
      const {pod, eth, veth} = policy;
      if (!pod || !eth || veth?.address === undefined) continue;
      const wrong = pod.tables.neigh?.find(
        (n) =>
          n.dst === nowhere && n.dev === eth.ifname && n.lladdr !== undefined && n.lladdr !== veth.address && !n.state.includes('FAILED'),
      );
      if (!wrong) continue;
      yield {
        subject: called(policy),
        message: `${called(policy)} on ${name} sends to ${wrong.lladdr} as its gateway; ${veth.ifname}, the node's end, has ${veth.address}`,
        effect: `${called(policy)} reaches nobody, and nobody gets an answer of it`,
        evidence: [
          rows(name, neighbours.show, [wrong]),
          {node: name, command: 'ip link show', lines: [`${veth.ifname}: link/ether ${veth.address}`]},
        ],
        steps: [
          stepInPod(name, pod.name, ['ip', 'neigh', 'replace', nowhere, 'lladdr', veth.address, 'dev', eth.ifname, 'nud', 'permanent']),
        ],
        breaks: [token.pod(name, policy.address)],
      };
    }
  },
});
