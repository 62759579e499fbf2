import {baseOf} from '../../../core/net/prefix.js';
import type {Fault, LabFacts} from './fault.js';
import {tunnel} from './tunnel.js';

const families = (lab: LabFacts): readonly (4 | 6)[] => (lab.dualStack ? [4, 6] : [4]);

/** Another VXLAN device, of a kind that cannot share, has the port; flannel's does not come up. */
export const vxlanPortTaken: Fault = {
  id: 'vxlan-port-taken',
  title: 'another VXLAN device takes the port of n2',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-port-in-use', node: 'n2'}),
  inject: (lab) => [
    {
      at: 'n2',
      run: [
        ...families(lab).map((family) => `ip link set ${tunnel(lab, lab.nodes[1]!, family).dev} down`),
        `ip link add other-vxlan type vxlan external dstport ${lab.port}`,
        'ip link set other-vxlan up',
      ].join(' && '),
    },
  ],
  fix: (lab) => [
    {
      at: 'n2',
      run: [
        'ip link del other-vxlan',
        ...families(lab).flatMap((family) => {
          const {dev, rows} = tunnel(lab, lab.nodes[1]!, family);
          // IPv6 addresses go when a device goes down.
          const address = family === 6 ? [`ip addr add ${baseOf(lab.nodes[1]!.subnet6!)}/128 dev ${dev} nodad`] : [];
          return [`ip link set ${dev} up`, ...address, rows()];
        }),
      ].join(' && '),
    },
  ],
};
