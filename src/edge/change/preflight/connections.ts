import type {Held} from '../../../core/change/migration.js';
import type {Plan} from '../../../core/change/plan.js';
import {leaseOf} from '../../../core/flannel/lease.js';
import type {Cluster} from '../../../core/model/cluster.js';
import {tryIp} from '../../../core/net/address.js';
import {baseOf, contains} from '../../../core/net/prefix.js';
import type {Runner} from '../mesh.js';
import {ask} from './ask.js';

/** What the nodes' own connections and connection tracking say of a change to come. */
export interface Connections {
  /** Steps that would cut a connection of a node itself. */
  readonly held: readonly Held[];
  /** Flows through a masquerade between a node and pods of others, by node: they are reset, whatever the order (flannel-backends.md §9.5). */
  readonly masqueraded: ReadonlyMap<string, number>;
  /** Nodes where one or the other could not be looked at. */
  readonly unseen: readonly {readonly node: string; readonly what: string}[];
}

/**
 * Reads every node's established TCP connections: those from the tunnel's own address end when its device is deleted, those between a node's
 * address and a pod of another node when strict rp_filter comes back after a change to the tunnel (design/performance.md §5).
 */
export async function connections(
  cluster: Cluster,
  to: Plan['to'],
  runners: ReadonlyMap<string, Runner>,
  signal: AbortSignal,
): Promise<Connections> {
  const held: Held[] = [];
  const masqueraded = new Map<string, number>();
  const unseen: {node: string; what: string}[] = [];
  const subnets = cluster.members.flatMap(({name, lease}) =>
    ([4, 6] as const).flatMap((f) => {
      const own = lease && leaseOf(lease, f);
      return own ? [{node: name, subnet: own.subnet}] : [];
    }),
  );
  const ownerOf = (address: string) => subnets.find((s) => contains(s.subnet, address))?.node;
  await Promise.all(
    cluster.members.map(async ({name}) => {
      const said = await ask(runners.get(name), ['connections'], signal);
      const lines = 'lines' in said ? said.lines : [];
      if (!lines.includes('tcp yes')) unseen.push({node: name, what: 'its TCP connections'});
      if (!lines.includes('tracked yes')) unseen.push({node: name, what: 'its masqueraded flows'});
      const bases = subnets.filter((s) => s.node === name).map((s) => baseOf(s.subnet));
      for (const line of lines) {
        const [kind, ...words] = line.split(' ');
        if (kind === 'conn') {
          const [here, there] = words.map(addressIn);
          const peer = there === undefined ? undefined : ownerOf(there);
          if (here === undefined || peer === undefined || peer === name) continue;
          const what = `${words[0]} is connected to ${words[1]}, a pod of ${peer}`;
          if (bases.includes(here)) held.push({node: name, step: 'device', why: what});
          else if (to.type === 'vxlan' && ownerOf(here) === undefined) {
            held.push({node: name, step: 'strict', why: what}, {node: peer, step: 'strict', why: what});
            // flannel's own rules masquerade such a flow; where conntrack cannot be asked, the socket is what is known of it.
            if (!lines.includes('tracked yes')) masqueraded.set(name, (masqueraded.get(name) ?? 0) + 1);
          }
        } else if (kind === 'flow' && masquerades(words, ownerOf, name)) masqueraded.set(name, (masqueraded.get(name) ?? 0) + 1);
      }
    }),
  );
  return {held: held.toSorted((a, b) => (`${a.node}${a.why}` < `${b.node}${b.why}` ? -1 : 1)), masqueraded, unseen};
}

/** `[::ffff:10.0.0.1]:22`, `10.0.0.1%eth0:22`. */
function addressIn(endpoint: string): string | undefined {
  const text = endpoint
    .slice(0, endpoint.lastIndexOf(':'))
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '');
  return tryIp(text.replace(/^::ffff:(?=\d+\.)/, ''));
}

/** Original and reply ends differ on the side of the source, and the other end is a pod of another node. */
function masquerades([src, dst, replySrc, replyDst]: readonly string[], ownerOf: (a: string) => string | undefined, node: string): boolean {
  if (src === undefined || replySrc === undefined || replyDst === undefined || dst === undefined) return false;
  const target = tryIp(replySrc) === undefined ? undefined : ownerOf(replySrc);
  return replyDst !== src && target !== undefined && target !== node;
}
