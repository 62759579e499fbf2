import {missingDevices} from './device-missing.js';
import type {NodeRule} from './rule.js';

export const udpTunMissing: NodeRule = {
  id: 'udp-tun-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'flannel0, the TUN device of flanneld, is there.',
  cause:
    'flanneld is not running, or could not open /dev/net/tun (not mounted into its container, which has to be privileged, or no module).',
  effect: 'Nothing leaves or enters the node: device, address and route live as long as flanneld does.',
  remedy: 'Start flanneld on the node, with /dev/net/tun in its container. For good: change to vxlan; udp is for debugging.',
  fix: 'no',
  restarts: 'node',
  modes: ['udp'],
  needs: ['link'],
  check: missingDevices,
};
