import {macOf} from '../identity.js';
import type {Backend} from './backend.js';

export const vxlan: Backend = {
  type: 'vxlan',
  netConf: (spec) => ({
    VNI: spec.vni,
    ...(spec.port !== 8472 && {Port: spec.port}),
    ...(spec.directRouting && {DirectRouting: true}),
  }),
  identity: (spec, node) => ({
    vtepMac: macOf(spec.name, node, 'flannel'),
    ...(spec.dualStack && {vtepMac6: macOf(spec.name, node, 'flannel-v6')}),
  }),
};
