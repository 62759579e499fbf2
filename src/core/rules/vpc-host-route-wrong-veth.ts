import {route as routes} from '../kernel/route.js';
import {called, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcHostRouteWrongVeth = policyRule({
  id: 'vpc-host-route-wrong-veth',
  stage: 'route',
  severity: 'error',
  holds: "A pod's route leads to the node's end of the pod's own veth.",
  cause: 'The address was given to a new pod while the row of the old one was still there.',
  effect: 'Packets to the pod go to another one, or into a device without a pod.',
  remedy: "Replace the route by one to the pod's own device.",
  fix: 'safe',
  needs: ['route', 'link', 'pods'],
  *check({name}, {pods}) {
    for (const pod of pods) {
      const {veth, host, pod: looked} = pod;
      const [row] = host;
      // Only a pod that was looked into says which device is its own.
      if (looked === undefined || veth === undefined || row === undefined || host.some((r) => r.dev === veth.ifname)) continue;
      yield {
        subject: called(pod),
        message: `${name} sends packets for ${called(pod)} to ${row.dev}; the pod hangs on ${veth.ifname}`,
        effect: `nobody reaches ${called(pod)}`,
        evidence: [rows(name, routes.show, host)],
        steps: [step(name, ['ip', 'route', 'replace', pod.address, 'dev', veth.ifname, 'scope', 'link'])],
        breaks: [token.pod(name, pod.address)],
      };
    }
  },
});
