import type {Records} from '../../core/flannel/records.js';
import type {Inventory} from '../../core/model/inventory.js';
import type {NodeAddress} from '../transports/transport.js';

/** The nodes of an inventory and how each is reached. */
export const addressesOf = (inventory: Inventory): readonly NodeAddress[] =>
  inventory.nodes.map((node) => {
    const user = node.user ?? inventory.ssh?.user;
    const port = node.port ?? inventory.ssh?.port;
    const [via = 'ssh', ...otherwise] = typeof node.via === 'string' ? [node.via] : node.via;
    return {
      node: node.name,
      via,
      ...(otherwise.length > 0 && {otherwise}),
      host: node.host ?? node.name,
      ...(user !== undefined && {user}),
      ...(port !== undefined && {port}),
      ...(node.pid !== undefined && {pid: node.pid}),
    };
  });

/**
 * The nodes that flannel's records list, by SSH to their internal address: names of Node objects need not be known to anybody's resolver.
 * A lease of etcd names no node; it goes by its public address, until the node itself says its name.
 */
export const addressesOfRecords = ({nodes}: Records): readonly NodeAddress[] =>
  nodes.flatMap(({name, addresses = [], lease}) => {
    const internal = addresses.filter(({type}) => type === 'InternalIP').map(({address}) => address);
    const host = internal.find((address) => !address.includes(':')) ?? internal[0] ?? lease.publicIP ?? lease.publicIPv6 ?? name;
    const node = name ?? host;
    return node === undefined || host === undefined ? [] : [{node, via: 'ssh' as const, host}];
  });
