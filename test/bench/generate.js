// Large vxlan clusters for measuring, made from one node of a real recording (docs/demo/healthy.ndjson.br, iproute2 6.1 -j): everything
// that a node has by itself stays as recorded with its names and addresses changed, and the rows towards peers are written in the same
// shape and order of keys. Plain JavaScript, so that the bench runs without a build of the tests.
import {readFileSync} from 'node:fs';
import {brotliDecompressSync} from 'node:zlib';

const RECORDING = new URL('../../docs/demo/healthy.ndjson.br', import.meta.url);

const octets = (n) => `${(n >> 8) & 255}.${n & 255}`;
const hex = (n) => n.toString(16).padStart(2, '0');

/** What node `i` (from 1) publishes. A /24 each out of 10.0.0.0/8 has room for more nodes than flannel's default /16. */
const lease = (i) => ({
  node: `n${i}`,
  subnet: `10.${1 + (i >> 8)}.${i & 255}`,
  publicIP: `172.16.${octets(i + 10)}`,
  mac: `0e:00:00:${hex(i >> 16)}:${hex((i >> 8) & 255)}:${hex(i & 255)}`,
});

/** The recorded node and the names in it that differ from node to node. */
function template() {
  const [, line] = brotliDecompressSync(readFileSync(RECORDING)).toString().split('\n');
  const dump = JSON.parse(line);
  const rows = (name) => JSON.parse(dump.sections.find((s) => s.name === name).out);
  const device = rows('ip-link').find((l) => l.ifname === 'flannel.1');
  const env = dump.sections.find((s) => s.name === 'subnet.env').out;
  const {local, link} = device.linkinfo.info_data;
  return {
    dump,
    uplink: link,
    publicIP: local,
    mac: device.address,
    subnet: /^FLANNEL_SUBNET=(\d+\.\d+\.\d+)\./m.exec(env)[1],
    network: /^FLANNEL_NETWORK=(\S+)/m.exec(env)[1],
    underlay: local.slice(0, local.lastIndexOf('.')),
  };
}

/** A small generator of numbers in [0, 1), the same at every run (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows towards the peers of node `i`; a `wrong` share (0 to 1) of them is missing or points elsewhere. */
function peerRows(i, count, uplink, wrong, random) {
  const tables = {'ip-route-all': [], 'ip-neigh': [], 'bridge-fdb': []};
  const elsewhere = lease(count + 7);
  for (let p = 1; p <= count; p++) {
    if (p === i) continue;
    const peer = lease(p);
    const gateway = `${peer.subnet}.0`;
    const good = {
      'ip-route-all': {
        type: 'unicast',
        dst: `${gateway}/24`,
        gateway,
        dev: 'flannel.1',
        table: 'main',
        protocol: 'boot',
        scope: 'global',
        flags: ['onlink'],
      },
      'ip-neigh': {dst: gateway, dev: 'flannel.1', lladdr: peer.mac, state: ['PERMANENT']},
      'bridge-fdb': {mac: peer.mac, ifname: 'flannel.1', dst: peer.publicIP, flags: ['self'], state: 'permanent'},
    };
    const bad = {
      'ip-route-all': {...good['ip-route-all'], gateway: peer.publicIP, dev: uplink, flags: []},
      'ip-neigh': {...good['ip-neigh'], lladdr: elsewhere.mac},
      'bridge-fdb': {...good['bridge-fdb'], dst: elsewhere.publicIP},
    };
    for (const name of Object.keys(good)) {
      const dice = random();
      if (dice < wrong / 2) continue;
      tables[name].push(dice < wrong ? bad[name] : good[name]);
    }
  }
  return tables;
}

/**
 * The dumps of a healthy vxlan cluster of `count` nodes, one at a time; with `wrong`, that share of the rows towards peers is missing
 * (half of it) or wrong (the other half).
 */
export function* cluster(count, {wrong = 0, seed = 1} = {}) {
  const {dump, uplink, publicIP, mac, subnet, network, underlay} = template();
  const random = numbers(seed);
  for (let i = 1; i <= count; i++) {
    const own = lease(i);
    const rename = (text) =>
      text
        .replaceAll(network, '10.0.0.0/8')
        .replaceAll(`${subnet}.`, `${own.subnet}.`)
        .replaceAll(publicIP, own.publicIP)
        .replaceAll(mac, own.mac)
        .replaceAll(`${underlay}.0/24`, '172.16.0.0/16')
        .replaceAll(`${underlay}.0`, '172.16.0.0')
        .replaceAll(`${underlay}.255`, '172.16.255.255')
        .replaceAll(`${underlay}.`, '172.16.250.')
        .replaceAll(`${dump.node}-p`, `${own.node}-p`)
        .replace(/^hostname=.*$/m, `hostname=${own.node}`);
    const peers = peerRows(i, count, uplink, wrong, random);
    const sections = dump.sections.map((section) => {
      const renamed = {...section, name: rename(section.name), out: rename(section.out)};
      if (section.name === 'ip-addr') {
        const links = JSON.parse(renamed.out);
        for (const {addr_info} of links) for (const a of addr_info ?? []) if (a.local === own.publicIP) a.prefixlen = 16;
        return {...renamed, out: `${JSON.stringify(links)}\n`};
      }
      const more = peers[section.name];
      if (!more) return renamed;
      const rows = JSON.parse(renamed.out).filter(
        (row) =>
          (row.dev ?? row.ifname) !== 'flannel.1' ||
          (row.gateway === undefined && row.lladdr === undefined && row.dst === undefined) ||
          row.type === 'local',
      );
      return {...renamed, out: `${JSON.stringify([...rows, ...more])}\n`};
    });
    yield {...dump, node: own.node, via: 'generated', sections};
  }
}

/** The lines of a snapshot of such a cluster, header included, without line ends. */
export function* snapshotLines(count, options) {
  yield JSON.stringify({apiVersion: 'flanctl.dev/v1alpha1', kind: 'Snapshot', takenAt: '2026-01-01T00:00:00.000Z', tool: 'bench'});
  for (const node of cluster(count, options)) yield JSON.stringify(node);
}
