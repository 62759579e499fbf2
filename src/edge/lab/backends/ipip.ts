import type {Backend} from './backend.js';

export const ipip: Backend = {
  type: 'ipip',
  netConf: (spec) => (spec.directRouting ? {DirectRouting: true} : {}),
  needs: {device: {what: 'IPIP devices', probe: 'ip link add ipip0 type ipip local 192.0.2.1', modules: ['ipip']}},
};
