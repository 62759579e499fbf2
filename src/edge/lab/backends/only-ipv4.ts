import type {Backend} from './backend.js';

/** flannel has no IPv6 in this backend (model/flannel-backends.md §4). */
export const onlyIPv4 =
  (type: string): NonNullable<Backend['refuses']> =>
  ({dualStack}) =>
    dualStack ? {message: `flannel's ${type} has no IPv6`, hint: 'leave --dual-stack out, or use vxlan, host-gw or wireguard'} : undefined;
