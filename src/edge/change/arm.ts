import type {ChangeHeader, Held, Progress} from './agent.js';
import {answered, type Crew, lostOf} from './crew.js';

/**
 * Takes the lock and starts the timer on every node, or on none.
 * @returns why not, a line a node; empty when all are armed.
 */
export async function arm(
  crew: Crew,
  header: ChangeHeader,
  nodes: readonly string[],
  progress: Progress | 'keep',
): Promise<readonly string[]> {
  const answers = await crew.each(nodes, (agent, node) => {
    crew.wound(node);
    return agent.arm(header, crew.ttl, progress);
  });
  const wrong = [
    ...lostOf(answers).map(({lost}) => lost),
    ...answered(answers).flatMap(({node, value}) => {
      if (value.kind === 'armed') return [];
      return [value.kind === 'refused' ? `${node}: ${value.why}` : heldBy(node, value)];
    }),
  ];
  if (wrong.length === 0) return [];
  // Only those that this call has armed: a change that was open before stays what it was.
  if (progress === 'applying') {
    const armed = answered(answers).filter(({value}) => value.kind === 'armed');
    await crew.each(
      armed.map(({node}) => node),
      (agent) => agent.finish(header.id, 'rolled-back'),
    );
  }
  return wrong;
}

/** `n1: mary@desk is changing it since …: migrate vxlan to host-gw (20261121-…)`. */
export function heldBy(node: string, {header, guard}: Held): string {
  if (!header) return `${node}: somebody else holds its lock, and does not say who`;
  const {operator, since, title, id} = header;
  return guard === 'alive'
    ? `${node}: ${operator} is changing it since ${since}: ${title} (${id})`
    : `${node}: a change of ${operator}, begun ${since}, was never ended: ${title} (${id}); flanctl rollback ${id} or --resume ends it`;
}
