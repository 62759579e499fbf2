import type {ClusterRule} from './rule.js';

export const migrateDaemonConfigSplit: ClusterRule = {
  id: 'migrate-daemon-config-split',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'warning',
  holds: 'The nodes run what net-conf.json asks for.',
  cause:
    'The configuration was edited and flanneld was not restarted, a chart or flag sets another one, or the file is not the one in force.',
  effect: 'None now. Any restart of flanneld, a crash included, switches that one node to the other backend.',
  remedy: 'Roll the change out on purpose, node by node, or put the configuration back to what runs.',
  fix: 'no',
  *check({unrolled, members, records}) {
    const [first] = members;
    if (!unrolled || !first) return;
    const conf = first.survey.state.netConf;
    yield {
      node: first.name,
      subject: 'net-conf.json',
      message: `net-conf asks for ${unrolled.asked}, and every node runs ${unrolled.running}`,
      evidence: [
        {
          node: first.name,
          command: records?.netConf?.where ?? (conf !== undefined && conf !== 'none' ? conf.command : 'net-conf as given'),
          lines: [`Backend: ${unrolled.asked}`],
        },
      ],
      peers: members.slice(1).map((m) => m.name),
    };
  },
};
