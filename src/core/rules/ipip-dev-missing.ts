import {missingDevices} from './device-missing.js';
import type {NodeRule} from './rule.js';

export const ipipDevMissing: NodeRule = {
  id: 'ipip-dev-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The IPIP device that flannel makes is there.',
  cause: 'Somebody deleted it; flanneld makes it at its start only, and its check every ten seconds writes routes, no device.',
  effect: 'Nothing leaves or enters the node through the tunnel; its routes went with the device.',
  remedy: 'Restart flannel on the node; or make the device with its address and routes.',
  fix: 'ask',
  restarts: 'node',
  modes: ['ipip'],
  needs: ['link'],
  check: missingDevices,
};
