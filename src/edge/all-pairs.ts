import type {Given} from '../core/model/cluster.js';
import type {Family} from '../core/net/address.js';
import {familyOf} from '../core/net/address.js';
import {allPairs, type Matrix} from '../core/path/all-pairs.js';
import {type Digest, digest, type Fault} from '../core/path/digest.js';
import type {Endpoint} from '../core/path/endpoint.js';
import {pairsBy} from '../core/path/fabric/pairs.js';
import {peersOf} from '../core/path/peer-index.js';
import {ExitCode} from '../exit-code.js';
import {type Dumps, survey} from './diagnose.js';
import {endsOf, hasOwnAddressPods, ownAddressPairs} from './own-address-pairs.js';
import type {AllPairsReport} from './reporters/documents.js';

/** Reads each node twice, one at a time; between the two nothing of a node stays but its survey, and after them its digest. */
export async function traceAllPairs(dumps: Dumps, given: Given, only: Family | undefined): Promise<readonly Matrix[]> {
  const {cluster, states} = await survey(dumps, given);
  const families = ([4, 6] as const).filter(
    (f) => (only === undefined || f === only) && cluster.networks.some((n) => familyOf(n) === f && !n.endsWith('/0')),
  );
  const sides = families.map((family) => ({family, peers: peersOf(cluster, family), digests: new Map<string, Digest | Fault>()}));
  const ends: Endpoint[] = [];
  let apart = false;
  for await (const state of states()) {
    for (const {family, peers, digests} of sides) digests.set(state.name, digest(cluster, state, family, peers));
    apart ||= hasOwnAddressPods(state);
    ends.push(...endsOf(state));
  }
  if (apart && only !== 6) return [await ownAddressPairs(dumps, given, ends)];
  const cloud = pairsBy(cluster);
  const names = cluster.members.map((m) => m.name);
  return sides.map(({family, peers, digests}) => allPairs(family, names, peers, digests, cloud));
}

/** The document. Broken wins; then what is not known, or rests on a router that nobody could look into. */
export function allPairsReport(matrices: readonly Matrix[], assumeFabric: boolean): AllPairsReport {
  const some = (mark: keyof Matrix['counts']) => matrices.some((m) => m.counts[mark] > 0);
  const incomplete = matrices.length === 0 || some('unknown') || (some('inferred') && !assumeFabric);
  return {
    families: matrices.map(({family, nodes, ends, counts, reasons, marks}) => ({
      family,
      nodes: nodes.length,
      ends,
      pairs: Object.values(counts).reduce((a, b) => a + b, 0),
      counts,
      reasons,
      matrix:
        marks?.map((row, i) => ({from: nodes[i]!, to: row.flatMap((mark, j) => (mark === null ? [] : [{node: nodes[j]!, mark}]))})) ?? null,
    })),
    exit: some('broken') ? ExitCode.findings : incomplete ? ExitCode.incomplete : ExitCode.ok,
  };
}
