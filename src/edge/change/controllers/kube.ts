import {runBatches, undoBatches} from '../../../core/change/batch.js';
import {netConfText} from '../../../core/change/migration/net-conf-text.js';
import type {KubeConfigOperation, KubeOperation} from '../../../core/change/operation.js';
import type {DaemonSetRecord, Records} from '../../../core/flannel/records.js';
import {ExitCode} from '../../../exit-code.js';
import {Failure} from '../../../failure.js';
import type {ChangeStage} from '../stages.js';
import type {Controller} from './controller.js';

const refuse = (what: string, ...hints: string[]): Failure => new Failure(what, {exit: ExitCode.findings, hints});

/** flanneld in a DaemonSet, its net-conf in a ConfigMap; the pods are deleted one by one, and come back with the new configuration. */
export const kube: Controller = {
  kind: 'kube',
  async look({nodes, records, client, preFlipped = false}) {
    if (!client || records?.source !== 'kubernetes')
      throw new Failure('--controller kube: no API server was named', {
        hints: ['--kubeconfig FILE or --context NAME, beside --inventory too'],
      });
    const {netConf, daemonSets = []} = records;
    const place = netConf && /^ConfigMap ([^/]+)\/([^,]+), (.+)$/.exec(netConf.where);
    if (!netConf || !place) throw refuse("flannel's ConfigMap was not found", '--flannel-namespace and --flannel-configmap name it');
    if (!netConf.parsed.ok) throw refuse(`${netConf.where} cannot be read: ${netConf.parsed.problems.join('; ')}`);
    const [, namespace, name, key] = place as unknown as readonly [string, string, string, string];
    const own = daemonSets.filter((d) => d.namespace === namespace);
    if (own.length === 0) throw refuse(`no DaemonSet in ${namespace} runs flannel`, '--controller systemd or k3s, if flannel is no pod');
    const homes = homesOf(nodes, records, own);
    const text = netConf.text;
    return {
      netConf: JSON.parse(text) as unknown,
      stages(after, order) {
        const edited = netConfText(text, after);
        if (edited === undefined) throw refuse(`${netConf.where} names its Backend twice, and cannot be edited`);
        const types = [typeOf(after), typeOf(JSON.parse(text))] as const;
        const config: KubeConfigOperation = {
          on: 'kube',
          do: 'config',
          namespace,
          name,
          key,
          to: edited,
          before: text,
          nodes,
          types,
          wait: preFlipped,
        };
        const annotation = `${records.annotationPrefix ?? 'flannel.alpha.coreos.com/'}backend-type`;
        const sorted = nodes.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
        return [
          stage("flannel's ConfigMap", sorted[0]!, config),
          ...sorted.map((node) => {
            const daemonSet = homes.get(node)!.name;
            return stage(`the flannel pod of ${node} is started anew`, node, {
              on: 'kube',
              do: 'restart',
              namespace,
              daemonSet,
              node,
              to: types[0],
              before: types[1],
              annotation,
              config,
            });
          }),
        ];
      },
    };
  },
};

/** Which DaemonSet each node's flannel is of. */
function homesOf(
  nodes: readonly string[],
  {flannelPods = []}: Records,
  sets: readonly DaemonSetRecord[],
): ReadonlyMap<string, DaemonSetRecord> {
  const homes = new Map<string, DaemonSetRecord>();
  for (const node of nodes) {
    const pods = flannelPods.filter((p) => p.node === node && !p.deleting && sets.some((s) => s.name === p.daemonSet));
    if (pods.length !== 1 || !pods[0]!.ready)
      throw refuse(
        `${node}: ${pods.length === 0 ? 'no flannel pod runs there' : pods.length > 1 ? 'more than one flannel pod runs there' : `its flannel pod ${pods[0]!.name} is not ready`}`,
      );
    homes.set(node, sets.find((s) => s.name === pods[0]!.daemonSet)!);
  }
  return homes;
}

function typeOf(netConf: unknown): string {
  const entries = Object.entries(netConf as object).map(([k, v]) => [k.toLowerCase(), v] as const);
  const backend = entries.find(([k]) => k === 'backend')?.[1] as object | undefined;
  const type = Object.entries(backend ?? {}).find(([k]) => k.toLowerCase() === 'type')?.[1];
  return typeof type === 'string' ? type.toLowerCase() : 'udp';
}

const stage = (title: string, node: string, op: KubeOperation): ChangeStage => ({
  phase: 'control',
  title,
  work: [{node, run: runBatches([op]), undo: undoBatches([op]), operations: [op]}],
});
