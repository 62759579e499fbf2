import type {Backend} from './backend.js';
import {onlyIPv4} from './only-ipv4.js';

export const ipip: Backend = {
  type: 'ipip',
  netConf: (spec) => (spec.directRouting ? {DirectRouting: true} : {}),
  refuses: onlyIPv4('ipip'),
  needs: {device: {what: 'IPIP devices', probe: 'ip link add ipip0 type ipip local 192.0.2.1', modules: ['ipip']}},
};
