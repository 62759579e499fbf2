import {subnetOf} from '../../cloud/choose.js';
import type {Cluster} from '../../model/cluster.js';
import type {Fault} from '../digest.js';
import type {Peer} from '../peer-index.js';
import {worldOf} from '../world.js';
import {type Lead, leads} from './lead.js';

/**
 * What the cloud says of the way between two nodes' pods, for a matrix: it leads there (`declared`), it does not, or nothing is known.
 * Undefined where the cloud was not asked. Senders of one subnet share a route table, so each is looked up once a destination.
 */
export function pairsBy(cluster: Cluster): ((from: Peer, to: Peer) => Fault | 'declared' | 'inferred') | undefined {
  const {cloud} = cluster;
  if (cloud === undefined) return undefined;
  const world = worldOf(cluster, []);
  const tagged = cloud.routes?.some((r) => (r.tags ?? []).length > 0) === true;
  const known = new Map<string, readonly Lead[]>();
  return (from, to) => {
    const key = `${(tagged ? undefined : subnetOf(cloud, from.public)) ?? from.public} ${to.pod}`;
    let ways = known.get(key);
    if (!ways) {
      ways = leads(world, {address: from.public}, to.pod);
      known.set(key, ways);
    }
    for (const way of ways) {
      const because =
        way.to === 'nowhere' ? way.because : way.to === 'node' && way.node !== to.node ? (way.astray ?? way.decides.row) : undefined;
      if (because !== undefined)
        return {verdict: 'broken', disposition: way.to === 'nowhere' ? way.disposition : 'looped', because, node: to.node};
    }
    return ways.every((way) => way.status === 'declared') ? 'declared' : 'inferred';
  };
}
