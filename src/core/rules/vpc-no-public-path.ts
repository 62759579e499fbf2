import {chosen} from '../cloud/choose.js';
import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {Ip} from '../net/address.js';
import {opening, readable, rulesetsOf} from './flows.js';
import {called, policyRule} from './policy-pods.js';

/** An address outside every cloud network: of the block for documentation (RFC 5737). */
const outside: Ip = '203.0.113.1';

export const vpcNoPublicPath = policyRule({
  id: 'vpc-no-public-path',
  severity: 'warning',
  holds: 'Pods with addresses of the VPC have a way out of it: the node translates their address, or their subnet has a NAT gateway.',
  cause: 'The public address of a node is on its first interface; pods leave by another one, and nobody made a NAT gateway for its subnet.',
  effect: 'Pods reach nothing outside the VPC.',
  remedy: "A NAT gateway and a default row to it in the route table of the pods' subnet, or ip-masq-agent on the nodes.",
  fix: 'no',
  needs: ['iptables', 'rule', 'route'],
  confirms: ['nft'],
  *check(view, {pods}) {
    const {name, state, cluster} = view;
    const {cloud} = cluster;
    if (cloud?.routes === undefined || !readable(view, 4)) return;
    const stuck = pods.filter((pod) => {
      if (pod.eni === undefined || pod.veth === undefined) return false;
      const packet = opening(view, 4, {src: pod.address, dst: outside, iif: pod.veth.ifname, oif: pod.eni.dev});
      const {nat, ...verdict} = evaluateHook(state.netfilter[4], 'postrouting', packet);
      if (nat || verdict.verdict === 'unknown') return false;
      const choice = chosen(cloud, {address: pod.address}, outside);
      return choice.kind === 'none';
    });
    if (stuck.length === 0) return;
    yield {
      subject: 'public addresses',
      message: `${name} does not translate addresses of its pods, and the route table of their subnet has no way out of the VPC`,
      effect: `${stuck.map(called).join(', ')} ${stuck.length === 1 ? 'reaches' : 'reach'} nothing outside the VPC`,
      evidence: [
        {
          node: name,
          command: rulesetsOf(view, 4)[0]?.command ?? 'iptables-save',
          lines: ['(no rule of POSTROUTING translates their address)'],
        },
        {node: name, command: cloud.sources.routes?.from ?? 'the rows that the cloud lists', lines: [`(no row for ${outside})`]},
      ],
    };
  },
});
