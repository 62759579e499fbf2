/** Canary first, then batches; the operator's own node last and alone. Nodes keep their order. */
export function waves(
  nodes: readonly string[],
  {canary, batch, last}: {readonly canary: number; readonly batch: number; readonly last?: string},
): readonly (readonly string[])[] {
  const own = nodes.filter((n) => n === last);
  const others = nodes.filter((n) => n !== last);
  const first = others.slice(0, canary);
  const rest = others.slice(canary);
  const batches = Array.from({length: Math.ceil(rest.length / batch)}, (_, i) => rest.slice(i * batch, (i + 1) * batch));
  return [first, ...batches, own].filter((wave) => wave.length > 0);
}

const NAMED = 4;

/** `n1, n2`, or the first few and how many more. */
export const named = (nodes: readonly string[]): string =>
  nodes.length <= NAMED + 1 ? nodes.join(', ') : `${nodes.slice(0, NAMED).join(', ')} and ${nodes.length - NAMED} more`;
