import type {Plan} from '../../core/change/plan.js';
import {ExitCode} from '../../exit-code.js';
import type {ChangeReport} from '../reporters/documents.js';
import {confirm} from '../ui/confirm.js';
import {unbegun} from './unbegun.js';

export interface AgreeOptions {
  readonly title: string;
  readonly nodes: readonly string[];
  /** How often yes was said on the command line. */
  readonly yes: number;
  /** Nodes on which the operator takes what cannot be taken back. */
  readonly accepted: readonly string[];
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
}

/**
 * Says what the operator has to know, and asks. What cannot be taken back is refused where nobody accepted it: then its report, else undefined.
 * @throws Failure when it was not confirmed, or there is no terminal to ask on.
 */
export async function agree(plan: Plan, options: AgreeOptions): Promise<ChangeReport | undefined> {
  const {title, nodes, notice, accepted} = options;
  const {what, warnings, left} = plan;
  const because = plan.irreversible
    .filter(({node}) => !accepted.includes(node))
    .map((i) => `${i.node}: ${i.what} cannot be taken back: ${i.why} (--accept-irreversible ${i.node})`);
  if (because.length > 0) return unbegun({what, title, outcome: 'refused', because, exit: ExitCode.findings, warnings, left});
  for (const line of warnings) notice(`warning: ${line}`);
  for (const l of left) notice(`left as it is on ${l.node}: ${l.what}: ${l.why}`);
  const waves = plan.stages.filter((s) => s.phase === 'flip').length;
  const operations = plan.stages.reduce((n, s) => n + s.work.reduce((m, w) => m + w.operations.length, 0), 0);
  const size =
    what === 'migrate'
      ? `${nodes.length} nodes in ${waves} ${waves === 1 ? 'wave' : 'waves'}`
      : `${operations} operations on ${nodes.join(', ')}`;
  await confirm([`${title}: ${size}. Go on?`], options);
  return undefined;
}
