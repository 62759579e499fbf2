import {oneLine} from '../../ui/escape.js';
import {columns} from '../../ui/table.js';
import {theme} from '../../ui/theme.js';
import type {HistoryReport} from '../documents.js';
import type {Render} from '../index.js';

/** One line a change; under an open one, what each node says of it. */
export const history: Render<HistoryReport> = ({changes, gaps}, {level}) => {
  const paint = theme(level);
  const notes = gaps.map((gap) => `${paint.warning('?')} ${oneLine(gap.node)}: ${oneLine(gap.why)}\n`).join('');
  if (changes.length === 0) return `no change is remembered\n${notes}`;
  const rows = changes.flatMap(({id, title, operator, since, outcome, here, nodes}) => [
    [id, title, outcome, operator, since, nodes === null ? '' : String(nodes.length), here ? 'yes' : 'no'],
    ...(nodes === null || (outcome !== 'open' && outcome !== 'mixed')
      ? []
      : nodes.map((n) => [`  ${n.node}`, nodeLine(n), n.outcome, '', n.timer === null ? '' : `timer acts in ${n.timer} s`, '', ''])),
  ]);
  return `${columns(['ID', 'CHANGE', 'OUTCOME', 'BY', 'SINCE', 'NODES', 'FROM HERE'], rows, paint.strong)}${notes}`;
};

type NodeMemory = NonNullable<HistoryReport['changes'][number]['nodes']>[number];

function nodeLine({steps, progress, log}: NodeMemory): string {
  const last = steps.at(-1);
  const done = steps.filter((s) => s.state === 'done').length;
  const trouble = log.length > 0 ? `; not undone: ${log.join(', ').replaceAll('failed ', '')}` : '';
  return `${progress}, ${done} of ${steps.length} steps stand${last ? `, last: ${last.title} (${last.state})` : ''}${trouble}`;
}
