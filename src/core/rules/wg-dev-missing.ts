import {missingDevices} from './device-missing.js';
import type {NodeRule} from './rule.js';

export const wgDevMissing: NodeRule = {
  id: 'wg-dev-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The WireGuard device that flannel makes is there.',
  cause: 'flanneld is not running: it deletes the device when it ends, and makes it anew when it starts.',
  effect: 'Nothing leaves or enters the node through the tunnel; routes and peers went with the device.',
  remedy: "Bring flanneld back on the node; until then the device can be made with flannel's own key file, with its peers and routes.",
  fix: 'ask',
  restarts: 'node',
  modes: ['wireguard'],
  needs: ['link'],
  check: missingDevices,
};
