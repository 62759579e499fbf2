import type {Ip} from '../net/address.js';
import type {Cloud, CloudEni, NextHop} from './cloud.js';

/** A node as the cloud may name it. */
export interface CloudNode {
  readonly name: string;
  /** Its own addresses in the cloud's network, those first that are surest. */
  readonly addresses: readonly Ip[];
  /** `qcloud:///800002/ins-…`, `<region>.i-…`, `aws:///<zone>/i-…`, `gce://<project>/<zone>/<name>`. */
  readonly providerID?: string;
}

/** Finds for every next hop and every interface the node that it is; what is found for none stays as it was. */
export function resolveCloud(cloud: Cloud, nodes: readonly CloudNode[]): Cloud {
  const byAddress = new Map(nodes.flatMap((n) => n.addresses.map((a) => [a, n.name] as const)).toReversed());
  const byInstance = new Map<string, string>();
  for (const {name, providerID} of nodes) for (const id of instancesOf(providerID ?? '')) byInstance.set(id, name);
  const nodeOfEni = (eni: CloudEni): string | undefined =>
    eni.node ??
    (eni.instanceId === undefined ? undefined : byInstance.get(eni.instanceId)) ??
    eni.addresses.flatMap((a) => byAddress.get(a.address) ?? [])[0];
  const first = (cloud.enis ?? []).map((eni) => ({eni, node: nodeOfEni(eni)}));
  // A node's other interfaces carry none of its own addresses, but the same machine's id.
  for (const {eni, node} of first) {
    if (node !== undefined && eni.instanceId !== undefined && !byInstance.has(eni.instanceId)) byInstance.set(eni.instanceId, node);
  }
  const enis = first.map(({eni, node}): CloudEni => {
    const found = node ?? (eni.instanceId === undefined ? undefined : byInstance.get(eni.instanceId));
    return found === undefined ? eni : {...eni, node: found};
  });
  const byEni = new Map(enis.flatMap((eni) => (eni.node === undefined ? [] : [[eni.id, eni.node] as const])));
  const nodeOf = ({id, ip, instanceId, node}: NextHop): string | undefined =>
    node ??
    (ip === undefined ? undefined : (byAddress.get(ip) ?? enis.find((eni) => eni.addresses.some((a) => a.address === ip))?.node)) ??
    byInstance.get(id) ??
    byEni.get(id) ??
    (instanceId === undefined ? undefined : byInstance.get(instanceId));
  return {
    ...cloud,
    ...(cloud.enis && {enis}),
    ...(cloud.routes && {
      routes: cloud.routes.map((route) => {
        const node = nodeOf(route.nextHop);
        return node === undefined ? route : {...route, nextHop: {...route.nextHop, node}};
      }),
    }),
  };
}

/** What a providerID calls the machine: the id after the last slash, Alibaba's after its region too, GCE's with its zone. */
function instancesOf(providerID: string): readonly string[] {
  const last = providerID.split('/').at(-1) ?? '';
  if (last === '') return [];
  const gce = /^gce:\/\/[^/]*\/([^/]+)\/([^/]+)$/.exec(providerID);
  if (gce) return [`zones/${gce[1]}/instances/${gce[2]}`, last];
  const dot = last.indexOf('.');
  return dot === -1 ? [last] : [last, last.slice(dot + 1)];
}
