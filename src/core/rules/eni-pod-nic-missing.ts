import {link as links} from '../kernel/link.js';
import {exclusivePods, exclusiveRule} from './exclusive-pods.js';
import {inPod} from './policy-pods.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const eniPodNicMissing = exclusiveRule({
  id: 'eni-pod-nic-missing',
  severity: 'error',
  holds: 'A pod with a network interface of its own has it, and it is up.',
  cause: 'The interface was detached in the cloud, or the making of the pod failed half way.',
  effect: 'The pod reaches nobody and nobody reaches it.',
  remedy: 'Make the pod anew.',
  fix: 'no',
  needs: ['pods'],
  *check(view) {
    const {name} = view;
    for (const {pod, nic} of exclusivePods(view)) {
      if (nic?.flags.includes('UP')) continue;
      yield {
        subject: pod.name,
        message: nic ? `${nic.ifname} of ${pod.name} on ${name} is down` : `${pod.name} on ${name} has no network interface`,
        effect: `${pod.name} is cut off`,
        evidence: [nic ? rows(name, links.show, [nic]) : absent(name, inPod('ip link show', pod.name), 'eth0')],
        breaks: [token.pod(name, pod.name)],
      };
    }
  },
});
