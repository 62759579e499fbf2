import {randomBytes, randomInt} from 'node:crypto';
import type {NodeDump} from '../../core/node/dump.js';
import type {Dumps} from '../diagnose.js';
import type {Traced, Tracer, Wish} from '../trace.js';
import {type Flow, synSize} from './flow.js';

/**
 * The packets that prove a trace: a small one, the size that was asked for, the largest that the model says fits, and, where the sender's
 * device takes more than that, one of a byte more, which must not get through. A TCP connection begins with a packet of one size only.
 */
export async function packetsOf(tracer: Tracer, asked: Traced, wish: Wish): Promise<readonly Flow[]> {
  const {from, to, family} = asked;
  const again = (size: number | 'largest' | undefined): Promise<Traced> => tracer.trace(from, to, {...wish, family, size});
  const flow = (name: Flow['name'], traced: Traced): Flow => ({
    name,
    traced,
    proto: wish.proto,
    port: wish.proto === 'icmp' ? 0 : (wish.port ?? 80),
    // Below the ports that the kernel gives by itself.
    sport: wish.proto === 'icmp' ? 0 : randomInt(20_000, 32_000),
    marker: randomBytes(16).toString('hex'),
  });
  if (wish.proto === 'tcp') return [flow('small', asked.size === synSize[family] ? asked : await again(synSize[family]))];
  const small = wish.size === undefined ? asked : await again(undefined);
  const flows = [flow('small', small), ...(asked === small ? [] : [flow('asked', asked)])];
  const limits = [small.there.pathMtu, small.back?.pathMtu];
  const fits = Math.min(...limits.map((mtu) => mtu ?? 0));
  if (small.back?.verdict.kind !== 'reachable' || fits <= small.size || fits === asked.size) return flows;
  flows.push(flow('largest', await again(fits)));
  if ((await again('largest')).size > fits) flows.push(flow('over', await again(fits + 1)));
  return flows;
}

/** Where the namespaces of each node's pods are, as gather saw them: lines "NAME PATH". */
export async function spacesOf(dumps: Dumps): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = ({sections}: NodeDump): readonly string[] => sections.find((s) => s.name === 'pods')?.out.split('\n') ?? [];
  const spaces = new Map<string, readonly string[]>();
  for await (const dump of dumps.nodes())
    spaces.set(
      dump.node,
      lines(dump).filter((line) => line !== ''),
    );
  return spaces;
}
