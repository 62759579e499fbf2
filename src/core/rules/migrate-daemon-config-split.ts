import type {Records} from '../flannel/records.js';
import type {Member} from '../model/cluster.js';
import type {ClusterRule, Evidence} from './rule.js';

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
  flannels: true,
  *check({unrolled, members, records}) {
    const [first] = members;
    if (!first) return;
    const older = startedBefore(members, records);
    if (!unrolled) {
      const [node, ...peers] = older;
      if (node === undefined) return;
      yield {
        node: node.name,
        severity: 'info',
        subject: 'net-conf.json',
        message: `${records!.netConf!.where} was changed at ${records!.netConf!.changed}, after flannel of ${older.length === members.length ? 'every node' : older.map((o) => o.name).join(', ')} started`,
        effect: 'none that the tables show; what was changed takes effect when flannel starts again',
        evidence: [linesOf(node.name, older)],
        peers: peers.map((o) => o.name),
      };
      return;
    }
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
        ...(older.length > 0 ? [linesOf(first.name, older)] : []),
      ],
      peers: members.slice(1).map((m) => m.name),
    };
  },
};

interface Started {
  readonly name: string;
  readonly pod: string;
  readonly started: string;
}

/** The nodes whose flannel read its configuration before that was last changed, where both are known. */
function startedBefore(members: readonly Member[], records: Records | undefined): readonly Started[] {
  const changed = Date.parse(records?.netConf?.changed ?? '');
  const names = new Map(members.flatMap((m) => (m.record?.name === undefined ? [] : [[m.record.name, m.name] as const])));
  return (records?.flannelPods ?? []).flatMap((pod) => {
    const name = names.get(pod.node);
    if (name === undefined || pod.started === undefined || !(Date.parse(pod.started) < changed)) return [];
    return [{name, pod: `${pod.namespace}/${pod.name}`, started: pod.started}];
  });
}

const linesOf = (node: string, pods: readonly Started[]): Evidence => ({
  node,
  command: 'kubectl get pods -A -o yaml',
  lines: pods.map(({pod, started}) => `${pod} started ${started}`),
});
