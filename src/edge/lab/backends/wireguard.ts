import {shownEndpoint} from '../../../core/kernel/wg.js';
import {privateKeyOf, publicKeyOf} from '../identity.js';
import type {Backend} from './backend.js';

/** Where flanneld keeps a node's private key (model/flannel-backends.md §4.2). */
const keyFile = '/run/flannel/wgkey';

/** Keys come from the lab's name, so that two labs of one spec are alike: they keep nobody's secrets. */
export const wireguard: Backend = {
  type: 'wireguard',
  netConf: () => ({}),
  refuses: ({dualStack, mtu}) =>
    dualStack && mtu < 1360
      ? {message: `WireGuard takes 80 bytes, and IPv6 needs 1280: an MTU of ${mtu} is not enough`, hint: 'use --mtu 1360 or more'}
      : undefined,
  identity: (spec, node) => ({publicKey: publicKeyOf(privateKeyOf(spec.name, node))}),
  files: ({spec}, node) => ({[keyFile]: {text: `${privateKeyOf(spec.name, node.name)}\n`, mode: 0o400}}),
  needs: {
    programs: {wg: 'wireguard-tools'},
    device: {what: 'WireGuard devices', probe: 'ip link add wg0 type wireguard', modules: ['wireguard']},
  },
  after: ({link, wg = []}) =>
    link
      .filter(({row}) => row.kind === 'wireguard')
      .map(({row: device}) => {
        const peers = wg
          .filter(({row}) => row.dev === device.ifname)
          .map(({row}) =>
            [
              `peer ${row.publicKey}`,
              ...(row.endpoint === undefined ? [] : [`endpoint ${shownEndpoint(row.endpoint)}`]),
              ...(row.persistentKeepalive === undefined ? [] : [`persistent-keepalive ${row.persistentKeepalive}`]),
              `allowed-ips ${row.allowedIPs.join(',')}`,
            ].join(' '),
          );
        return `wg set ${device.ifname} listen-port ${device.info?.['listenPort']} private-key ${keyFile} ${peers.join(' ')}`;
      })
      .join(' && '),
};
