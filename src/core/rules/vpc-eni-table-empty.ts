import {link as links} from '../kernel/link.js';
import {rule as rules} from '../kernel/rule.js';
import {deviceFor, emptied, gatewayOf} from '../model/eni-tables.js';
import {listing} from './pair.js';
import {called, policyRule, silent} from './policy-pods.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const vpcEniTableEmpty = policyRule({
  id: 'vpc-eni-table-empty',
  stage: 'route',
  severity: 'error',
  holds: 'Every table that packets of pods are led to has a default route over its network interface.',
  cause: 'The interface went down, or lost its last address: the kernel drops all its routes then, and its coming up brings none back.',
  effect:
    "Packets of all these pods fall through to the node's own interface, and a cloud that checks whose address they carry drops them.",
  remedy: 'Bring the interface up and write the default route again; find out what took it down.',
  fix: 'safe',
  needs: ['rule', 'route', 'link'],
  *check(view, node) {
    const {name, state} = view;
    for (const table of emptied(view, node)) {
      const dev = deviceFor(view, node, table);
      const gateway = dev === undefined ? undefined : gatewayOf(view, node, dev);
      const link = state.tables.link?.find((l) => l.ifname === dev);
      const pods = node.pods.filter((p) => table.pods.includes(p.address));
      const looking = pods.flatMap((p) => p.from.filter((r) => r.table === table.table));
      yield {
        ...(dev !== undefined && silent(view, node.uplink, dev) && {severity: 'warning' as const}),
        subject: `table ${table.table}`,
        message: `table ${table.table} of ${name}, where packets of ${table.pods.length === 1 ? 'a pod' : `${table.pods.length} pods`} are led to, has no default route${link && !link.flags.includes('UP') ? `: ${dev} is down` : ''}`,
        effect: `${pods.map(called).join(', ')} ${pods.length === 1 ? 'reaches' : 'reach'} nobody beyond ${name} where the cloud checks whose address packets carry`,
        evidence: [
          absent(name, listing(view, 'route', 4), `default via ${gateway ?? '…'} dev ${dev ?? '…'} table ${table.table}`),
          rows(name, rules.show, looking),
          ...(link ? [rows(name, links.show, [link])] : []),
        ],
        steps:
          dev === undefined || gateway === undefined
            ? []
            : [
                ...(link && !link.flags.includes('UP') ? [step(name, ['ip', 'link', 'set', dev, 'up'])] : []),
                step(name, ['ip', 'route', 'add', 'default', 'via', gateway, 'dev', dev, 'onlink', 'table', table.table]),
              ],
        dependsOn: [...(dev === undefined ? [] : [token.device(name, dev)])],
        breaks: table.pods.map((p) => token.pod(name, p)),
      };
    }
  },
});
