import type {Fault} from './fault.js';

/** A file of another network sorts before flannel's. */
export const cniConfigShadowed: Fault = {
  id: 'cni-config-shadowed',
  title: 'another CNI configuration comes first on n2',
  fits: () => true,
  expect: () => ({rule: 'cni-config-shadowed', node: 'n2'}),
  inject: () => [
    {
      at: 'n2',
      run: `printf '%s' '{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"bridge","bridge":"cni1"}]}' > /etc/cni/net.d/05-other.conflist`,
    },
  ],
  fix: () => [{at: 'n2', run: 'rm -f /etc/cni/net.d/05-other.conflist /etc/cni/net.d/05-other.conflist.disabled'}],
};
