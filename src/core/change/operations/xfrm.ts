import {xfrm as table, type XfrmPolicy} from '../../kernel/xfrm.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

const ip = (text: string): Line => ({tool: 'ip', text});
const selector = ({src, dst, dir}: XfrmPolicy): string => `src ${src} dst ${dst} dir ${dir}`;

/** IPsec's policies. Of one direction and selector the kernel keeps one, whatever its priority. */
export const xfrm = rowKind('xfrm', {
  name: 'policy',
  is: (a, b) => selector(a) === selector(b),
  equal: (a, b) => table.show(a) === table.show(b),
  show: table.show,
  dev: () => undefined,
  put({action, priority, tmpl, ...row}) {
    const words = [
      ...(action === 'block' ? ['action block'] : []),
      ...(priority === 0 ? [] : [`priority ${priority}`]),
      ...tmpl.map(
        ({src, dst, proto, reqid, mode, level}) =>
          `tmpl src ${src} dst ${dst} proto ${proto} reqid ${reqid} mode ${mode}${level === undefined ? '' : ` level ${level}`}`,
      ),
    ];
    return [ip(['xfrm policy update', selector({action, priority, tmpl, ...row}), ...words].join(' '))];
  },
  drop: (row) => [ip(`xfrm policy delete ${selector(row)}`)],
  // `ip xfrm` ends the whole process where the kernel refuses (xfrm_policy_modify: exit), so that the rest of a batch would not run.
  lenient: ({text}) => ({tool: 'sh', text: `ip ${text}`}),
});
