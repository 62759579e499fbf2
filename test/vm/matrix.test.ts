import {describe} from 'vitest';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {matrix} from '../lab/matrix.js';
import {own} from '../lab/own-faults.js';
import {long} from '../lab/shares.js';
import {root} from './root.js';

/** As the matrix of vxlan and host-gw, on labs as small as can be: where the kernel is emulated, each fault takes seconds. */
const small = {nodes: 2, pods: 1};

/** What is tried in every run: it has to be done within minutes, on a machine that does other things besides. The long run tries all. */
const daily = ['ipip-device-deleted', 'ipip-local-changed', 'ipsec-policy-fwd-deleted'];

describe.skipIf(!root).each([
  {...small, name: 'mx-ipip', backend: 'ipip'},
  {...small, name: 'mx-wg', backend: 'wireguard', dualStack: true},
  {...small, name: 'mx-ipsec', backend: 'ipsec'},
])('faults of a cluster of $backend', (spec) => {
  const tried = (fault: Fault): boolean => own(spec)(fault) && (long || daily.includes(fault.id));
  matrix(spec, tried, {cli: false});
});
