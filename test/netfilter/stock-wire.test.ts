import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Rulesets} from '../../src/core/kernel/netfilter/evaluate.js';
import {parseIptables} from '../../src/core/kernel/netfilter/iptables.js';
import {parseNft} from '../../src/core/kernel/netfilter/nft.js';
import {compare, iptablesKind, type Question} from './campaign.js';
import {addresses, stretch, type Wire} from './wire.js';

/** The stock rulesets, loaded into a real router: what is said of them is what real packets meet. */
const stock: {readonly [name: string]: {readonly parts: readonly string[]; readonly flavour?: 'legacy'}} = {
  'kube-proxy and flannel': {parts: ['kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'the same, legacy': {parts: ['kube-proxy.v4', 'flannel.v4', 'flannel.v6'], flavour: 'legacy'},
  'without --random-fully': {parts: ['kube-proxy.v4', 'flannel-plain.v4']},
  'after Docker': {parts: ['docker.v4', 'kube-proxy.v4', 'flannel.v4']},
  'after Docker, legacy': {parts: ['docker.v4', 'kube-proxy.v4', 'flannel.v4'], flavour: 'legacy'},
  'Docker without flannel': {parts: ['docker.v4', 'kube-proxy.v4']},
  'after ufw': {parts: ['ufw.v4', 'ufw.v6', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'after firewalld (iptables)': {parts: ['firewalld.v4', 'kube-proxy.v4', 'flannel.v4']},
  'after firewalld (iptables), trusted': {parts: ['firewalld-trusted.v4', 'kube-proxy.v4', 'flannel.v4']},
  'beside firewalld (nft)': {parts: ['firewalld.nft', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'beside firewalld (nft), trusted': {parts: ['firewalld-trusted.nft', 'kube-proxy.v4', 'flannel.v4', 'flannel.v6']},
  'flannel in nft': {parts: ['kube-proxy.v4', 'flannel.nft']},
};

let wire: Wire;
beforeAll(() => {
  wire = stretch(`sw${process.pid % 100_000}`);
});
afterAll(() => wire?.close());

function load(parts: readonly string[], flavour: 'nft' | 'legacy'): {readonly 4: Rulesets; readonly 6: Rulesets} {
  for (const each of ['nft', 'legacy'] as const) for (const family of [4, 6] as const) iptablesKind(wire, family, each).load('');
  wire.router('nft flush ruleset');
  for (const part of parts) {
    const text = readFileSync(join(import.meta.dirname, '../outputs/netfilter/rules', part), 'utf8');
    if (part.endsWith('.nft')) wire.router('nft -f -', text);
    else wire.router(`${part.endsWith('.v6') ? 'ip6tables' : 'iptables'}-${flavour}-restore --noflush`, text);
  }
  const nft = parseNft(wire.router('nft -j list ruleset'), {command: 'nft -j list ruleset'});
  const read = (family: 4 | 6): Rulesets => {
    const tool = `${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}-save`;
    const {ruleset, problems} = parseIptables(wire.router(tool), {command: tool, family, flavour});
    expect([...problems, ...nft.problems]).toEqual([]);
    return {...(flavour === 'nft' ? {iptables: ruleset} : {iptablesLegacy: ruleset}), nft: nft.ruleset};
  };
  return {4: read(4), 6: read(6)};
}

const questions: readonly Question[] = ([4, 6] as const).flatMap((family) => {
  const {a, b, own} = addresses[family];
  const services =
    family === 4
      ? ([
          ['10.96.0.100', 80],
          ['10.96.0.200', 80],
          [own.cni0, 30_080],
        ] as const)
      : [];
  const to = (from: 'a' | 'b') => [
    ...(from === 'a' ? b : a).map((dst) => [dst, 8080] as const),
    ...services,
    [own.cni0, 22] as const,
    [own['flannel.1'], 8472] as const,
  ];
  return (['a', 'b'] as const).flatMap((from) =>
    (from === 'a' ? a : b).flatMap((src) =>
      to(from).flatMap(([dst, dport]) =>
        (['tcp', 'udp', 'icmp'] as const).map((proto) => ({from, family, proto, src, dst, sport: 0, dport, mark: 0})),
      ),
    ),
  );
});

describe('on a real router', () => {
  it.each(Object.entries(stock))('%s', async (_name, {parts, flavour}) => {
    const rulesets = load(parts, flavour ?? 'nft');
    // Twice, for chance picks the endpoint.
    const twice = [...questions, ...questions].map((one, i) => ({...one, sport: 20_000 + i}));
    const tally = await compare(wire, rulesets, twice, 0.1);
    expect(tally.mismatches).toEqual([]);
    expect(tally.replies).toBeGreaterThan(50);
    expect(tally.translated).toBeGreaterThan(5);
  });
});
