/**
 * Loads each stock ruleset into a namespace and writes down what iptables-save, ip6tables-save and `nft -j list ruleset` print of it.
 * As root: node test/outputs/netfilter/record.js. The parts in rules/ are what kube-proxy (iptables mode), flannel v0.27, Docker, ufw and
 * firewalld write, in the order in which they would be started.
 */
import {execFileSync} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

const here = import.meta.dirname;
const stock = {
  'kube-flannel': {parts: ['kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'kube-flannel-plain': {parts: ['kube-proxy.v4', 'flannel-plain.v4']},
  'kube-flannel-legacy': {parts: ['kube-proxy.v4', 'flannel.v4', 'flannel.v6'], flavour: 'legacy'},
  docker: {parts: ['docker.v4', 'kube-proxy.v4', 'flannel.v4']},
  'docker-legacy': {parts: ['docker.v4', 'kube-proxy.v4', 'flannel.v4'], flavour: 'legacy'},
  'docker-without-flannel': {parts: ['docker.v4', 'kube-proxy.v4']},
  ufw: {parts: ['ufw.v4', 'ufw.v6', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'firewalld-iptables': {parts: ['firewalld.v4', 'kube-proxy.v4', 'flannel.v4']},
  'firewalld-iptables-trusted': {parts: ['firewalld-trusted.v4', 'kube-proxy.v4', 'flannel.v4']},
  'firewalld-nft': {parts: ['firewalld.nft', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'firewalld-nft-trusted': {parts: ['firewalld-trusted.nft', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'flannel-nft': {parts: ['kube-proxy.v4', 'flannel.nft']},
};

const ns = `rec${process.pid % 100_000}`;
const run = (command, input = '') =>
  execFileSync('ip', ['netns', 'exec', ns, 'sh', '-c', command], {encoding: 'utf8', input, maxBuffer: 2 ** 26});

for (const [name, {parts, flavour = 'nft'}] of Object.entries(stock)) {
  execFileSync('ip', ['netns', 'add', ns]);
  try {
    for (const part of parts) {
      const text = readFileSync(join(here, 'rules', part), 'utf8');
      if (part.endsWith('.nft')) run('nft -f -', text);
      else run(`${part.endsWith('.v6') ? 'ip6tables' : 'iptables'}-${flavour}-restore --noflush`, text);
    }
    const folder = join(here, name);
    mkdirSync(folder, {recursive: true});
    // Dates would make every recording differ.
    const save = (tool, file) => writeFileSync(join(folder, file), run(tool).replaceAll(/ on \w{3} \w{3} .*$/gm, ''));
    save(`iptables-${flavour}-save`, 'iptables-save.txt');
    save(`ip6tables-${flavour}-save`, 'ip6tables-save.txt');
    save('nft -j list ruleset', 'nft.json');
  } finally {
    execFileSync('ip', ['netns', 'del', ns]);
  }
}
