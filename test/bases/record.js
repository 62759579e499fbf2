// Records the healthy snapshots that test/cases edits, from real labs, in iproute2's text form: node test/bases/record.js [NAME] (as root,
// after a build). The demo's recordings (docs/demo) are taken here too, in the form that nodes send.
import {execFileSync} from 'node:child_process';
import {mkdirSync, readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {gather} from '../../lib/edge/gather/gather.js';
import {breakLab, faultNamed} from '../../lib/edge/lab/break.js';
import {labDown} from '../../lib/edge/lab/down.js';
import {labUp} from '../../lib/edge/lab/up.js';
import {writeSnapshot} from '../../lib/edge/snapshots/write.js';

const labs = {
  vxlan: {backend: 'vxlan'},
  'vxlan-dual': {backend: 'vxlan', dualStack: true},
  'vxlan-direct': {backend: 'vxlan', directRouting: true, underlay: 'routed', nodes: 4},
  'host-gw': {backend: 'host-gw'},
  'host-gw-dual': {backend: 'host-gw', dualStack: true},
  udp: {backend: 'udp'},
  // On Debian's kernel: mkdir out; FLANCTL_VM_SHARE=$PWD/out test/vm/with-kernel.sh sh -c 'modprobe br_netfilter; exec node test/bases/record.js ipip wireguard …'
  ipip: {backend: 'ipip'},
  wireguard: {backend: 'wireguard'},
  'wireguard-dual': {backend: 'wireguard', dualStack: true},
  ipsec: {backend: 'ipsec'},
  // RKE2's canal: flannel's tunnel, Calico's pods.
  canal: {backend: 'vxlan'},
  // What the demo judges where namespaces cannot be made.
  demo: {backend: 'vxlan'},
};

const only = process.argv.slice(2);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const into = (name) => (process.env.FLANCTL_VM_SHARE ? `${process.env.FLANCTL_VM_SHARE}/debian-${name}.ndjson` : here(`${name}.ndjson`));

async function record(lab, file, text) {
  const dumps = [];
  const addresses = lab.nodes.map(({name, pid}) => ({node: name, via: 'netns', pid}));
  for await (const dump of gather(addresses, {
    pods: 'all',
    timeoutMs: process.env.FLANCTL_VM_SHARE ? 400_000 : 20_000,
    concurrency: 4,
    text,
    signal: new AbortController().signal,
    transport: {sshHostKeys: 'strict', notice: () => {}},
  }))
    dumps.push(dump);
  await writeSnapshot(file, dumps, {takenAt: '2026-01-01T00:00:00.000Z', tool: 'flanctl'});
}

for (const [name, wish] of Object.entries(labs)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const lab = await labUp({name: 'rec', ...wish}, {replace: true});
  try {
    if (name === 'canal') {
      const script = readFileSync(here('canal.sh'));
      for (const {pid, subnet, pods} of lab.nodes) {
        const words = [subnet, ...pods.map((pod) => `${pod.name}=${pod.ip}`)];
        execFileSync('nsenter', ['-t', String(pid), '-m', '-n', '-u', '-p', '--', 'sh', '-s', '--', ...words], {input: script});
      }
    }
    // A ping for each pair, so that neighbours are as they are in a cluster that works.
    for (const node of lab.nodes)
      execFileSync('nsenter', [
        '-t',
        String(node.pid),
        '-m',
        '-n',
        '-p',
        '--',
        'sh',
        '-c',
        lab.nodes
          .flatMap((n) => n.pods.map((p) => `ping -c1 -W1 ${p.ip} >/dev/null`))
          .join(';')
          .concat(';true'),
      ]);
    if (name === 'demo') {
      mkdirSync(here('../../docs/demo'), {recursive: true});
      await record(lab, here('../../docs/demo/healthy.ndjson.br'), false);
      await breakLab('rec', faultNamed('fdb-row-wrong'));
      await record(lab, here('../../docs/demo/broken.ndjson.br'), false);
    } else await record(lab, into(name), true);
  } finally {
    await labDown('rec');
  }
}
