import {link as table} from '../kernel/link.js';
import type {Cluster} from '../model/cluster.js';
import {mostCommon} from '../model/most-common.js';
import type {NodeView} from '../model/view.js';
import {idleTunnel} from './idle-tunnel.js';
import {published} from './published.js';
import {rebuildDevice} from './rebuild.js';
import {type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const leaseVxlanParamsMismatch: NodeRule = {
  id: 'lease-vxlan-params-mismatch',
  scope: 'node',
  stage: 'lease',
  severity: 'error',
  holds: 'All nodes use the same VXLAN network identifier and UDP port.',
  cause: 'A changed VNI or Port reached only some nodes, or a system with its own ideas joined (Windows wants VNI 4096 and port 4789).',
  effect: 'The receiver has no socket on the port or no device for the identifier, and drops every tunnelled packet.',
  remedy:
    'One VNI and Port in net-conf.json, then restart flannel everywhere; the old device has to go, since neither can be changed in place.',
  restarts: 'everywhere',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link'],
  *check(view) {
    const {name, cluster, changes, state, self, member} = view;
    const usual = usualOf(cluster);
    yield* recorded(view);
    for (const change of changes.link ?? []) {
      if (change.kind === 'unexpected') continue;
      const {row, family} = change.want;
      const other =
        change.kind === 'differs'
          ? change.actual[0]
          : (state.tables.link ?? []).find((l) => l.kind === 'vxlan' && isFlannel(l.ifname, family));
      if (!other || !self || (change.kind === 'differs' && !['id', 'port'].some((field) => change.fields.includes(field)))) continue;
      const fields = (['id', 'port'] as const).filter((key) => row.info?.[key] !== other.info?.[key]);
      if (fields.length === 0) continue;
      // What all nodes share works, whatever the file says; it will not after the next restart of some of them.
      const shared = usual === signature(other.info);
      if (shared && cluster.members[0] !== member) continue;
      yield {
        ...(shared && {
          severity: 'warning' as const,
          effect: 'none until a node restarts flannel; that node is then cut off from the others',
        }),
        subject: other.ifname,
        message: `${other.ifname} on ${name} has ${fields.map((f) => `${words[f]} ${String(other.info?.[f])}`).join(', ')}; ${shared ? 'net-conf.json says' : 'the others have'} ${fields.map((f) => `${words[f]} ${String(row.info?.[f])}`).join(', ')}`,
        ...(!shared && {effect: `pods of ${name} cannot reach pods of other nodes, in both directions`}),
        ...(!shared && idleTunnel(view, row.ifname, family)),
        evidence: [rows(name, table.show, [other])],
        steps: shared ? [] : rebuildDevice(view, change.want, other.ifname),
        breaks: [token.lease(name), token.mac(name), token.device(name, row.ifname)],
      };
    }
  },
};

/** Other Linux nodes take no notice of the identifier in a lease; Windows nodes and the next start of flannel do. */
function* recorded({name, cluster: {settings}, member}: NodeView): Generator<Observation> {
  const {lease} = member.record ?? {};
  if (!settings || !lease) return;
  for (const [data, annotation] of [
    [lease.backendData, 'backend-data'],
    [lease.backendV6Data, 'backend-v6-data'],
  ] as const) {
    if (data?.vni === undefined || data.vni === settings.vni) continue;
    yield {
      severity: 'warning',
      subject: `VNI ${data.vni}`,
      message: `${name} is published with VNI ${data.vni}; it should be ${settings.vni}`,
      effect: `none between Linux nodes; a Windows node sends to ${name} with VNI ${data.vni}`,
      evidence: published(member, annotation),
    };
  }
}

const words = {id: 'VNI', port: 'port'} as const;
const isFlannel = (ifname: string, family: 4 | 6): boolean => (family === 4 ? /^flannel\.\d+$/ : /^flannel-v6\.\d+$/).test(ifname);
const signature = (info: {readonly [name: string]: unknown} | undefined): string => `${String(info?.['id'])} ${String(info?.['port'])}`;

const usuals = new WeakMap<Cluster, {readonly value: string | undefined}>();

/** The identifier and port that most nodes' devices have; counted once for a cluster. */
function usualOf(cluster: Cluster): string | undefined {
  let known = usuals.get(cluster);
  if (!known) {
    const found = cluster.members.flatMap((m) =>
      m.survey.links
        .filter((l) => l.kind === 'vxlan' && isFlannel(l.ifname, 4))
        .slice(0, 1)
        .map((l) => signature(l.info)),
    );
    known = {value: mostCommon(found, (s) => s)};
    usuals.set(cluster, known);
  }
  return known.value;
}
