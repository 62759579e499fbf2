import {address as addresses} from '../kernel/address.js';
import {exclusivePods, exclusiveRule} from './exclusive-pods.js';
import {cloudEvidence} from './policy-pods.js';
import {podEvidence, podsOf} from './recorded-pods.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const eniPodAddressMismatch = exclusiveRule({
  id: 'eni-pod-address-mismatch',
  severity: 'error',
  holds: "The address of a pod's own network interface is the one that the cloud gave the interface, and that the API server shows.",
  cause: 'The interface was given to another pod, or its address changed in the cloud, while the pod ran.',
  effect: 'The cloud drops what the pod sends; who asks for its recorded address reaches nobody, or somebody else.',
  remedy: 'Make the pod anew.',
  fix: 'no',
  needs: ['pods'],
  *check(view) {
    const {name} = view;
    for (const {pod, nic, eni} of exclusivePods(view)) {
      const held = (pod.tables.address ?? []).filter((a) => a.dev === nic?.ifname && a.family === 4 && a.scope === 'global');
      if (!nic || held.length === 0) continue;
      const stated = eni?.addresses.find((a) => a.primary)?.address;
      const record = podsOf(view).find((p) => p.name === pod.name);
      const ip = record?.ips.find((i) => !i.includes(':'));
      const has = (address: string | undefined): boolean => address === undefined || held.some((a) => a.local === address);
      if (has(stated) && has(ip)) continue;
      const those = held.map((a) => a.local).join(', ');
      yield {
        subject: pod.name,
        message: has(stated)
          ? `${nic.ifname} of ${pod.name} on ${name} has ${those}; the API server has ${ip}`
          : `${nic.ifname} of ${pod.name} on ${name} has ${those}; the cloud gave its interface ${stated}`,
        effect: has(stated) ? `who asks for ${ip} does not reach ${pod.name}` : `${pod.name} is cut off`,
        evidence: [
          rows(name, addresses.show, held),
          ...(eni && !has(stated) ? [cloudEvidence(view, [eni])] : []),
          ...(record && !has(ip) ? [podEvidence(name, record)] : []),
        ],
        breaks: [token.pod(name, pod.name)],
      };
    }
  },
});
