import {shell} from '../../core/kernel/commands.js';
import type {ChangeStage} from './stages.js';

/** Seconds for which a node looks for its associations, well below those that an undo may take (node-agent.ts). */
const PATIENCE = 60;

/**
 * Where policies of ipsec are taken away: a stage with nothing to do on the way there. Undone between flanneld's restarts, which begin charon
 * anew, and the flips, it waits on every node until both associations of each pair are there: the one that answered a proposal has them
 * before the one that made it, so that to look at one's own alone would not do. Where they do not come it says whose, and the way back goes on.
 */
export function agreedFirst(stages: readonly ChangeStage[]): readonly ChangeStage[] {
  const work = stages.flatMap((stage) =>
    stage.work.flatMap(({node, operations = []}) => {
      const pairs = operations.flatMap((op) =>
        op.on === 'xfrm' && op.do === 'del' && op.row.dir === 'out' ? op.row.tmpl.map(({src, dst, reqid}) => `${src} ${dst} ${reqid}`) : [],
      );
      return pairs.length === 0 ? [] : [{node, run: [], undo: [{tool: 'sh' as const, lines: [untilAgreed(pairs)]}]}];
    }),
  );
  return work.length === 0 ? [] : [{phase: 'cleanup', title: 'charon would agree on keys again, on the way back', work}];
}

/** One line, as steps are. What charon only waits for has an entry too, with the number 0. */
function untilAgreed(pairs: readonly string[]): string {
  const look = `ip xfrm state list src "$1" dst "$2" reqid "$3" 2>/dev/null | grep -q 'spi 0x0*[1-9a-f]'`;
  const both = `{ ${look} && set -- "$2" "$1" "$3" && ${look}; } || left="$left $1-$2"`;
  const round = `left=; for p in ${shell(pairs)}; do set -- $p; ${both}; done`;
  const complain = `{ echo "no security association for$left after ${PATIENCE} s" >&2; exit 1; }`;
  // By the clock: with many peers a round takes seconds itself.
  const late = `read -r up rest </proc/uptime; [ "\${up%.*}" -lt "$end" ] || ${complain}`;
  return `read -r up rest </proc/uptime; end=$((\${up%.*} + ${PATIENCE})); while ${round}; [ -n "$left" ]; do ${late}; sleep 1; done`;
}
