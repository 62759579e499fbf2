import {join} from 'node:path';
import type {NodeDump} from '../../src/core/node/dump.js';
import {readSnapshot} from '../../src/edge/snapshots/read.js';
import {type CloudForm, cloudFormed} from '../forms/cloud.js';
import {type Form, formed} from '../forms/form.js';

/** Healthy clusters, recorded from real labs by `node test/bases/record.js`; the text form, so that a case can edit lines. */
export const bases = ['vxlan', 'vxlan-dual', 'vxlan-direct', 'host-gw', 'host-gw-dual', 'udp'] as const;

/** The same from labs on Debian's kernel, which has these devices; the cases of their backends edit the written ones. */
export const onDebian = ['debian-ipip', 'debian-wireguard', 'debian-wireguard-dual', 'debian-ipsec'] as const;

/** Bases that are written rather than recorded (test/forms), until a lab can make them. */
const forms: {readonly [name: string]: Form} = {
  ipip: {backend: 'ipip', version: 'v0.28.9'},
  wireguard: {backend: 'wireguard', version: 'v0.28.9'},
  'wireguard-dual': {backend: 'wireguard', version: 'v0.28.9', dual: true},
  ipsec: {backend: 'ipsec', version: 'v0.28.9'},
  'wireguard-after-vxlan': {backend: 'wireguard', version: 'v0.28.9', afterVxlan: true},
  extension: {
    backend: 'extension',
    version: 'v0.28.9',
    settings: {SubnetAddCommand: 'ip route add $SUBNET via $PUBLIC_IP'},
  },
  'k3s-wireguard': {
    backend: 'extension',
    version: 'v0.20.0',
    rows: 'k3sWireguard',
    settings: {
      PostStartupCommand:
        'wg set flannel.1 listen-port 51820 private-key /run/key && ip link set flannel.1 up && ip route add $NETWORK dev flannel.1',
      SubnetAddCommand:
        'read PUBLICKEY; wg set flannel.1 peer $PUBLICKEY endpoint $PUBLIC_IP:51820 allowed-ips $SUBNET persistent-keepalive 25',
    },
  },
};

/** Written as well: nodes of clouds, where mostly no flannel runs. */
export const ofClouds = [
  'tke-vpc-cni',
  'tke-global-router',
  'tke-mixed',
  'aws-vpc-cni',
  'terway',
  'tke-exclusive',
] as const satisfies readonly CloudForm[];
const isOfClouds = (name: string): name is CloudForm => (ofClouds as readonly string[]).includes(name);

/** The recorded host-gw without its routes to peers, and with another Backend.Type: what flannel's backends of clouds leave on a node. */
const onRows: ReadonlySet<string> = new Set(['tencent-vpc', 'ali-vpc', 'aws-vpc', 'gce']);
const rowsInCloud = async (type: string): Promise<readonly NodeDump[]> =>
  (await loadRecorded('host-gw')).map((dump) => ({
    ...dump,
    sections: dump.sections.map((s) =>
      s.name === 'ip-route-all'
        ? {...s, out: s.out.replaceAll(/^.* via 192\.168\.77\.1\d .*\n/gm, '')}
        : s.name === 'net-conf.json'
          ? {...s, out: s.out.replace('host-gw', type)}
          : s,
    ),
  }));

/** One of the recorded, or of the written ones. */
export const loadBase = async (name: string): Promise<readonly NodeDump[]> =>
  onRows.has(name)
    ? rowsInCloud(name)
    : isOfClouds(name)
      ? cloudFormed(name)
      : forms[name] === undefined
        ? loadRecorded(name)
        : formed(forms[name]);

export async function loadRecorded(name: string): Promise<readonly NodeDump[]> {
  const dumps: NodeDump[] = [];
  for await (const dump of (await readSnapshot(join(import.meta.dirname, `${name}.ndjson`))).nodes()) dumps.push(dump);
  return dumps;
}
