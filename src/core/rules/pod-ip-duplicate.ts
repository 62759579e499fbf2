import type {Address} from '../kernel/address.js';
import {address as table} from '../kernel/address.js';
import {podPorts} from '../model/pod-port.js';
import {bridgeFamilies} from './bridge-state.js';
import {podEvidence, podNamed, podsAt, podsOf} from './recorded-pods.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const podIpDuplicate: NodeRule = {
  id: 'pod-ip-duplicate',
  scope: 'node',
  stage: 'pod',
  severity: 'error',
  holds: "No two pods have one address, and none has the bridge's.",
  cause: 'Two CNI configurations with their own books took turns, lost address records, or an address set by hand.',
  effect: 'Packets reach one or the other, as the bridge happens to have learnt.',
  remedy: 'Make the pods anew; between nodes the same comes from a duplicate pod subnet.',
  fix: 'no',
  needs: ['pods', 'link'],
  *check(view) {
    const {name, bridge} = view;
    const holders = new Map<string, {readonly who: string; readonly address: Address}[]>();
    for (const {pod, addresses} of podPorts(view)) {
      for (const address of addresses) holders.set(address.local, [...(holders.get(address.local) ?? []), {who: pod.name, address}]);
    }
    const gateways = new Map(bridgeFamilies(view).map((f) => [f.gateway, f.right]));
    for (const [address, held] of holders) {
      const atBridge = gateways.has(address);
      if (held.length < 2 && !atBridge) continue;
      const who = [...held.map((h) => h.who), ...(atBridge ? [bridge] : [])];
      const right = gateways.get(address);
      yield {
        subject: address,
        message: `${who.join(' and ')} on ${name} have the same address ${address}`,
        evidence: [rows(name, table.show, [...held.map((h) => h.address), ...(right ? [right] : [])])],
        dependsOn: [token.lease(name), token.cni(name)],
        breaks: held.map((h) => token.pod(name, h.who)),
      };
    }
    for (const pod of podsOf(view)) {
      for (const ip of pod.ips) {
        const all = podsAt(view, ip);
        // Once, and not beside what the namespaces of this node already showed.
        if (all.length < 2 || all[0] !== pod || (holders.get(ip) ?? []).length > 1) continue;
        yield {
          subject: ip,
          message: `${all.map((p) => `${podNamed(p)} on ${p.node}`).join(' and ')} have the same address ${ip}`,
          evidence: [podEvidence(name, ...all)],
          peers: [...new Set(all.map((p) => p.node!))].filter((node) => node !== pod.node),
          dependsOn: [token.lease(name), token.cni(name), ...all.map((p) => token.lease(p.node!))],
          breaks: all.map((p) => token.pod(p.node!, podNamed(p))),
        };
      }
    }
  },
};
