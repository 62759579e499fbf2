import {leaseOf} from '../flannel/lease.js';
import {address as table} from '../kernel/address.js';
import {podPorts} from '../model/pod-port.js';
import {familyOf} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {podEvidence, podNamed, podsOf} from './recorded-pods.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const podIpOutsidePodcidr: NodeRule = {
  id: 'pod-ip-outside-podcidr',
  scope: 'node',
  stage: 'pod',
  severity: 'error',
  holds: "Every pod's address lies in the pod subnet of its node.",
  cause: 'The subnet changed while the pod ran, another CNI configuration made it, or subnet.env was wrong at its birth.',
  effect: 'Other nodes send packets for it elsewhere, or nowhere; on its own node it may work.',
  remedy: 'Make the pod anew, after the reason is out of the way.',
  fix: 'no',
  needs: ['pods', 'link'],
  *check(view) {
    const {name, self} = view;
    const seen = new Set(podPorts(view).flatMap((port) => port.addresses.map((a) => a.local)));
    for (const {pod, addresses} of podPorts(view)) {
      for (const family of [4, 6] as const) {
        const own = self && leaseOf(self, family);
        const held = addresses.filter((a) => a.family === family);
        if (!own || held.length === 0 || held.some((a) => contains(own.subnet, a.local))) continue;
        yield {
          subject: `${pod.name} ${held.map((a) => a.local).join(', ')}`,
          message: `${pod.name} on ${name} has ${held.map((a) => a.local).join(', ')}, outside the node's pod subnet ${own.subnet}`,
          effect: `nobody reaches ${pod.name} under its address`,
          evidence: [rows(name, table.show, held)],
          dependsOn: [token.lease(name), token.subnetEnv(name), token.cni(name), token.bridge(name)],
          breaks: [token.pod(name, pod.name)],
        };
      }
    }
    for (const pod of podsOf(view)) {
      for (const family of [4, 6] as const) {
        const own = self && leaseOf(self, family);
        const held = pod.ips.filter((ip) => familyOf(ip) === family && !seen.has(ip));
        if (!own || held.length === 0 || held.some((ip) => contains(own.subnet, ip))) continue;
        yield {
          subject: `${podNamed(pod)} ${held.join(', ')}`,
          message: `${podNamed(pod)} on ${name} has ${held.join(', ')}, outside the node's pod subnet ${own.subnet}`,
          effect: `nobody reaches ${podNamed(pod)} under its address`,
          evidence: [podEvidence(name, pod)],
          dependsOn: [token.lease(name), token.subnetEnv(name), token.cni(name), token.bridge(name)],
          breaks: [token.pod(name, podNamed(pod))],
        };
      }
    }
  },
};
