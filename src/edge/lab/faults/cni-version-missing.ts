import type {Fault} from './fault.js';

/** flannel's configuration as in manifests from before September 2019. */
export const cniVersionMissing: Fault = {
  id: 'cni-version-missing',
  title: 'the CNI configuration of n2 states no version',
  fits: () => true,
  expect: () => ({rule: 'cni-config-invalid-version', node: 'n2'}),
  inject: () => [{at: 'n2', run: `sed -i 's/"cniVersion": *"[^"]*",//' /etc/cni/net.d/10-flannel.conflist`}],
  fix: () => [{at: 'n2', run: `sed -i '1s/{/{"cniVersion": "0.3.1",/' /etc/cni/net.d/10-flannel.conflist`}],
};
