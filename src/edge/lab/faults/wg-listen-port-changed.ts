import type {Fault} from './fault.js';

/** ListenPort was changed, and flannel not restarted everywhere. */
export const wgListenPortChanged: Fault = {
  id: 'wg-listen-port-changed',
  title: 'flannel-wg of n2 listens on another port',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-listen-port-wrong', node: 'n2'}),
  // Whoever hears from n2 follows it to its port.
  passing: true,
  inject: () => [{at: 'n2', run: 'wg set flannel-wg listen-port 51999'}],
  fix: () => [{at: 'n2', run: 'wg set flannel-wg listen-port 51820'}],
};
