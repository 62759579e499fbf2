import {describe, expect, test} from 'vitest';
import {buildCluster, type Given} from '../src/core/model/cluster.js';
import {readNode} from '../src/core/model/read-node.js';
import {Surveyor} from '../src/core/model/survey.js';
import {view} from '../src/core/model/view.js';
import type {NodeDump} from '../src/core/node/dump.js';
import {rules} from '../src/core/rules/index.js';
import {diagnose} from '../src/edge/diagnose.js';
import {damaged, damagesOf} from './forms/damage.js';
import {type Form, formed} from './forms/form.js';
import {versionOf} from './forms/version.js';
import {annotation, recordsFor} from './recorded.js';

/** Since when flannel has the backend, for the versions below. */
const since: {readonly [backend: string]: string} = {
  vxlan: 'v0.9.0',
  'host-gw': 'v0.9.0',
  udp: 'v0.9.0',
  ipip: 'v0.10.0',
  ipsec: 'v0.11.0',
  wireguard: 'v0.16.0',
  alloc: 'v0.9.0',
  extension: 'v0.9.0',
};
/** Keys of the Backend object without which a backend does nothing. */
const settings: {readonly [backend: string]: Form['settings']} = {
  extension: {SubnetAddCommand: 'ip route add $SUBNET via $PUBLIC_IP', SubnetRemoveCommand: 'ip route del $SUBNET via $PUBLIC_IP'},
};
const dualSince: {readonly [backend: string]: string} = {vxlan: 'v0.15.0', 'host-gw': 'v0.15.0', wireguard: 'v0.16.0'};
const every = [
  ...['v0.9.0', 'v0.9.1', 'v0.10.0', 'v0.11.0', 'v0.12.0', 'v0.13.0', 'v0.14.0', 'v0.15.1', 'v0.16.2', 'v0.18.0', 'v0.19.1'],
  ...['v0.20.0', 'v0.20.2', 'v0.21.0', 'v0.21.3', 'v0.24.1', 'v0.25.4', 'v0.26.6', 'v0.27.4', 'v0.28.9'],
];
/** FLANCTL_TEST_LONG: each version that changed anything. Else those between which the rules and the devices differ. */
const versions =
  process.env['FLANCTL_TEST_LONG'] === undefined
    ? every.filter((v) => !['v0.15.1', 'v0.16.2', 'v0.19.1', 'v0.21.0', 'v0.24.1', 'v0.26.6', 'v0.27.4'].includes(v))
    : every;
const had = (table: {readonly [backend: string]: string}, backend: string, version: string): boolean =>
  table[backend] !== undefined && versionOf(table[backend]).at <= versionOf(version).at;

const forms = versions.flatMap((version) =>
  Object.keys(since)
    .filter((backend) => had(since, backend, version))
    .flatMap((backend): Form[] => [
      {backend, version, ...(settings[backend] && {settings: settings[backend]})},
      ...(had(dualSince, backend, version) ? [{backend, version, dual: true}] : []),
      ...(backend === 'ipip' || backend === 'vxlan' ? [{backend, version, directRouting: true}] : []),
      ...(versionOf(version).at >= 2500 && settings[backend] === undefined ? [{backend, version, nftables: true}] : []),
    ]),
);
forms.push({
  backend: 'extension',
  version: 'v0.20.0',
  rows: 'k3sWireguard',
  settings: {
    PreStartupCommand: 'wg genkey | tee /var/lib/rancher/k3s/agent/etc/flannel/privatekey | wg pubkey',
    PostStartupCommand:
      "export SUBNET_IP=$(echo $SUBNET | cut -d'/' -f 1); ip link del flannel.1 2>/dev/null; echo $PATH >&2; wg-add.sh flannel.1 && wg set flannel.1 listen-port 51820 private-key /var/lib/rancher/k3s/agent/etc/flannel/privatekey && ip addr add $SUBNET_IP/32 dev flannel.1 && ip link set flannel.1 up && ip route add $NETWORK dev flannel.1",
    ShutdownCommand: 'ip link del flannel.1',
    SubnetAddCommand:
      'read PUBLICKEY; wg set flannel.1 peer $PUBLICKEY endpoint $PUBLIC_IP:51820 allowed-ips $SUBNET persistent-keepalive 25',
    SubnetRemoveCommand: 'read PUBLICKEY; wg set flannel.1 peer $PUBLICKEY remove',
  },
});
// Settings that a device or a row shows, and what an upgrade leaves.
forms.push(
  {backend: 'vxlan', version: 'v0.12.0', settings: {Learning: true}},
  {backend: 'vxlan', version: 'v0.28.9', settings: {Port: 4789}},
  {backend: 'vxlan', version: 'v0.20.2', upgraded: true},
  {backend: 'host-gw', version: 'v0.28.9', upgraded: true},
  {backend: 'vxlan', version: 'v0.28.9', nftables: true, upgraded: true},
  {backend: 'wireguard', version: 'v0.20.2', dual: true, rows: 'wireguardSingle', settings: {Mode: 'ipv4'}},
  {backend: 'wireguard', version: 'v0.28.9', dual: true, rows: 'wireguardSingle', settings: {Mode: 'auto'}},
  {backend: 'wireguard', version: 'v0.28.9', rows: 'wireguardKept', settings: {PersistentKeepaliveInterval: 25}},
  {backend: 'ipsec', version: 'v0.14.0', rows: 'ipsecInUdp', settings: {UDPEncap: true}},
);
const name = ({upgraded, settings: set, backend, version, dual, directRouting, nftables, rows}: Form): string =>
  `${version} ${backend}${upgraded === true ? ' upgraded' : ''}${set === undefined || backend === 'extension' ? '' : ` ${JSON.stringify(set)}`}${dual === true ? ' dual-stack' : ''}${directRouting === true ? ' DirectRouting' : ''}${nftables === true ? ' nftables' : ''}${rows === undefined ? '' : ` ${rows}`}`;

/** Which backend runs is told from what another left: routes of both are there, and flanneld's last start wrote subnet.env. */
describe('after a change of the backend', () => {
  const backends = ['wireguard', 'udp', 'ipip', 'ipsec'];
  test.each(backends)('%s is recognised beside the rows that vxlan left, without any configuration', async (backend) => {
    const dumps = await formed({backend, version: 'v0.28.9', afterVxlan: true});
    const surveyor = new Surveyor();
    const states = dumps.map((d) => readNode({...d, sections: d.sections.filter((s) => s.name !== 'net-conf.json')}));
    for (const state of states) surveyor.add(state);
    const cluster = buildCluster(surveyor);
    expect(cluster).toMatchObject({mode: {type: backend}, configuredBy: 'derived'});
    expect(cluster.members.map((m) => m.mode?.type)).toEqual(dumps.map(() => backend));
    const left = states.flatMap((state) => view(cluster, state).changes.route ?? []);
    // ipip writes its routes over those, since they are to the same prefixes.
    const stray = left.filter((c) => c.kind === 'unexpected');
    expect([left.length, stray.length]).toEqual(backend === 'ipip' ? [0, 0] : [6, 6]);
  });
});

/** What each version of flannel leaves with each backend that it had is healthy, alone and beside flannel's records of it. */
describe('the forms of flannel', () => {
  test.each(forms.map((form) => [name(form), form] as const))('%s', async (_, form) => {
    const dumps = await formed(form);
    for (const from of [undefined, 'kubernetes', 'etcd'] as const) {
      const found = await diagnose(
        {
          async *nodes() {
            yield* dumps;
          },
        },
        from === undefined ? {} : {records: recordsFor(dumps, {from, version: form.version})},
        rules,
      );
      expect({from, findings: found.findings, notEvaluated: found.notEvaluated, gaps: found.gaps}).toEqual({
        from,
        findings: [],
        notEvaluated: [],
        gaps: [],
      });
      expect(found.cluster).toMatchObject({mode: {type: form.backend}, complete: true, problems: []});
      expect(found.cluster.members.map((m) => m.mode?.type)).toEqual(dumps.map(() => form.backend));
      expect(found.cluster.members.every((m) => m.lease !== undefined)).toBe(true);
    }
  });
});

const judged = (dumps: readonly NodeDump[], given: Given = {}) =>
  diagnose(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    given,
    rules,
  );

/** And what is wrong in a form is found there, as in any other: in the backend's own rows, in that generation's rules, in the annotations. */
describe('the forms of flannel, with one thing wrong', () => {
  test.each(forms.filter(({dual}) => dual !== true).map((form) => [name(form), form] as const))('%s', async (_, form) => {
    const dumps = await formed(form);
    for (const damage of damagesOf(form)) {
      const {findings} = await judged(damaged(dumps, damage));
      expect({what: damage.what, found: findings.map((f) => `${f.node} ${f.rule}`)}).toEqual({
        what: damage.what,
        found: expect.arrayContaining([`n1 ${damage.rule}`]),
      });
    }
    const annotations = {[annotation('public-ip')]: '192.168.77.99'};
    const records = recordsFor(dumps, {from: 'kubernetes', version: form.version, nodes: {n2: {metadata: {annotations}}}});
    const {findings} = await judged(dumps, {records});
    expect(findings.map((f) => `${f.node} ${f.rule}`)).toContain('n2 lease-public-ip-stale');
  });
});
