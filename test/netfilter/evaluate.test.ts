import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {chainRules, findRules, hasJump, sameRule} from '../../src/core/kernel/netfilter/chains.js';
import {evaluateHook} from '../../src/core/kernel/netfilter/evaluate.js';
import {commentOf, type IptRule, parseIptables} from '../../src/core/kernel/netfilter/iptables.js';
import {parseNft} from '../../src/core/kernel/netfilter/nft.js';
import type {Packet} from '../../src/core/kernel/netfilter/packet.js';

const context = {command: 'iptables-save', family: 4, flavour: 'nft'} as const;
const filter = (...rules: string[]) =>
  read(`*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [3:180]\n:OUTPUT ACCEPT [0:0]\n:U - [0:0]\n:V - [0:0]\n${rules.join('\n')}\nCOMMIT\n`);
function read(text: string) {
  const {ruleset, problems} = parseIptables(text, context);
  expect(problems).toEqual([]);
  return ruleset;
}
const packet: Packet = {
  family: 4,
  iif: 'flannel.1',
  oif: 'cni0',
  src: '10.244.2.7',
  dst: '10.244.1.9',
  proto: 'udp',
  sport: 40_000,
  dport: 53,
  mark: 0,
  ctstate: 'new',
};
const forward = (...rules: string[]) => evaluateHook({iptables: filter(...rules)}, 'forward', packet);

describe('iptables-save', () => {
  it('is read with quotes, counters, negation and the line it came from', () => {
    const rule = chainRules(
      filter(
        '[7:420] -A FORWARD ! -i lo+ -p tcp -m tcp ! --dport 80:90 -m comment --comment "say \\"a\\\\b\\" \\\'c -j DROP" -j REJECT --reject-with tcp-reset',
      ),
      'filter',
      'FORWARD',
    )[0] as IptRule;
    expect(commentOf(rule)).toBe('say "a\\b" \'c -j DROP');
    expect(rule).toMatchObject({packets: 7, bytes: 420, origin: {line: 7}, target: {name: 'REJECT', goto: false}});
    expect(rule.text.startsWith('-A FORWARD ! -i lo+')).toBe(true);
    expect(rule.matches.map((m) => [m.module, m.option, m.negated, ...m.values].join(' ')).slice(0, 3)).toEqual([
      ' -i true lo+',
      ' -p false tcp',
      'tcp --dport true 80:90',
    ]);
  });

  it('cut off in the middle is a problem and not the end of the rules', () => {
    const {problems} = parseIptables('*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.0.0.0/8 -j ACC', context);
    expect(problems.map((p) => p.why)).toEqual(['table filter ends without COMMIT: cut off']);
  });
});

describe('what NAT wrote', () => {
  const nft = (chains: string) => {
    const chain = (name: string, type: string, hook: string, prio: number) => ({
      chain: {family: 'inet', table: 'own', name, type, hook, prio, policy: 'accept'},
    });
    const rule = (name: string, ...expr: readonly unknown[]) => ({rule: {family: 'inet', table: 'own', chain: name, expr}});
    const daddr = {payload: {protocol: 'ip', field: 'daddr'}};
    const saddr = {payload: {protocol: 'ip', field: 'saddr'}};
    const sent = {match: {op: 'in', left: {ct: {key: 'status'}}, right: 'dnat'}};
    const listed: {readonly [name: string]: readonly unknown[]} = {
      redirect: [
        chain('n', 'nat', 'prerouting', -100),
        rule('n', {redirect: {port: 9000}}),
        chain('f', 'filter', 'prerouting', 10),
        rule('f', {match: {op: '==', left: daddr, right: '10.255.1.1'}}, sent, {drop: null}),
      ],
      masquerade: [
        chain('n', 'nat', 'postrouting', 100),
        rule('n', {masquerade: null}),
        chain('f', 'filter', 'postrouting', 110),
        rule('f', {match: {op: '==', left: saddr, right: '10.255.2.1'}}, {drop: null}),
      ],
    };
    const out = JSON.stringify({nftables: [{table: {family: 'inet', name: 'own'}}, ...listed[chains]!]});
    return {nft: parseNft(out, {command: 'nft -j list ruleset'}).ruleset};
  };
  const one: Packet = {
    ...packet,
    iif: 'cni0',
    oif: 'flannel.1',
    src: '10.244.1.9',
    dst: '10.244.2.7',
    ctnat: {snat: false, dnat: false},
    addressOf: (device) => (device === 'cni0' ? '10.255.1.1' : '10.255.2.1'),
  };

  it('is seen by the chains behind it, and that it was done', () => {
    expect(evaluateHook(nft('redirect'), 'prerouting', one)).toMatchObject({verdict: 'drop'});
    expect(evaluateHook(nft('masquerade'), 'postrouting', one)).toMatchObject({verdict: 'drop'});
  });

  it('is not known where the address of the device is not', () => {
    const {addressOf: _, ...without} = one;
    expect(evaluateHook(nft('masquerade'), 'postrouting', without)).toMatchObject({verdict: 'unknown'});
  });
});

describe('a verdict', () => {
  it('names the policy that decided, where it was printed', () => {
    expect(forward('-A FORWARD -s 10.245.0.0/16 -j ACCEPT')).toMatchObject({
      verdict: 'drop',
      by: {text: 'policy DROP', chain: 'FORWARD', line: 3, policy: true},
    });
  });

  it('names the rule that decided, in a chain of its own', () => {
    expect(forward('-A FORWARD -m comment --comment "flanneld forward" -j U', '-A U -s 10.244.0.0/16 -j ACCEPT')).toMatchObject({
      verdict: 'accept',
      by: {text: '-A U -s 10.244.0.0/16 -j ACCEPT', line: 8},
    });
  });

  it('is unknown when a rule that cannot be judged stands before and would change it', () => {
    const rule = '-A FORWARD -m set --match-set blocked src -j DROP';
    expect(forward(rule, '-A FORWARD -j ACCEPT')).toMatchObject({verdict: 'unknown', unknowns: [rule]});
  });

  it('is certain when that rule would change nothing', () => {
    expect(
      forward(
        '-A FORWARD -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "',
        '-A FORWARD -m set --match-set x src -j ACCEPT',
        '-A FORWARD -j ACCEPT',
      ),
    ).toMatchObject({verdict: 'accept', unknowns: []});
    expect(
      forward('-A FORWARD -m set --match-set x src -j U', '-A U -m limit --limit 3/min -j RETURN', '-A U -j DROP', '-A FORWARD -j DROP')
        .verdict,
    ).toBe('drop');
    expect(forward('-A FORWARD -d 10.9.9.9/32 -m set --match-set x src -j ACCEPT')).toMatchObject({verdict: 'drop', unknowns: []});
  });

  it('blames only the rule that matters', () => {
    const result = forward('-A FORWARD -m limit --limit 1/s -j V', '-A V -j RETURN', '-A FORWARD -m u32 --u32 "0=0" -j ACCEPT');
    expect(result).toMatchObject({verdict: 'unknown', unknowns: ['-A FORWARD -m u32 --u32 "0=0" -j ACCEPT']});
  });

  it('is unknown for targets that decide elsewhere, and for chains that call themselves', () => {
    expect(forward('-A FORWARD -j NFQUEUE --queue-num 0')).toMatchObject({
      verdict: 'unknown',
      unknowns: ['-A FORWARD -j NFQUEUE --queue-num 0'],
    });
    expect(forward('-A FORWARD -j U', '-A U -j V', '-A V -j U').verdict).toBe('unknown');
  });

  it('survives rulesets made to be walked for ever', () => {
    const chains = Array.from({length: 40}, (_, i) => i);
    const text = `*filter\n:FORWARD ACCEPT [0:0]\n${chains.map((i) => `:C${i} - [0:0]`).join('\n')}\n-A FORWARD -j C0\n${chains.flatMap((i) => Array.from({length: 9}, () => `-A C${i} -j C${i + 1}`)).join('\n')}\nCOMMIT`;
    expect(evaluateHook({iptables: parseIptables(text, context).ruleset}, 'forward', packet).verdict).toBe('unknown');
  });

  it('with goto skips the rest of the calling chain', () => {
    expect(forward('-A FORWARD -g U', '-A FORWARD -j ACCEPT', '-A U -j RETURN').verdict).toBe('drop');
  });

  it('of one flavour does not undo the drop of the other', () => {
    const open = filter('-A FORWARD -j ACCEPT');
    const verdict = evaluateHook(
      {
        iptables: open,
        iptablesLegacy: parseIptables('*filter\n:FORWARD DROP [0:0]\nCOMMIT\n', {
          ...context,
          flavour: 'legacy',
          command: 'iptables-legacy-save',
        }).ruleset,
      },
      'forward',
      packet,
    );
    expect(verdict).toMatchObject({verdict: 'drop', by: {command: 'iptables-legacy-save', text: 'policy DROP'}});
  });
});

describe('kube-proxy', () => {
  const nat = read(`*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-SEP-1 - [0:0]
:KUBE-SEP-2 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-A
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1
-A KUBE-SVC-A -j KUBE-SEP-2
-A KUBE-SEP-1 -p udp -m udp -j DNAT --to-destination 10.244.1.2:53
-A KUBE-SEP-2 -p udp -m udp -j DNAT --to-destination 10.244.2.2:53
COMMIT
`);
  const service: Packet = {...packet, dst: '10.96.0.10'};

  it('offers its endpoints, and the verdict stays certain', () => {
    const result = evaluateHook({iptables: nat}, 'prerouting', service);
    expect(result).toMatchObject({verdict: 'accept', mark: 0});
    expect(result.natChoices?.map((choice) => choice !== 'none' && choice.to)).toEqual(['10.244.1.2:53', '10.244.2.2:53']);
  });

  it('marks what comes from outside, masquerades it and takes the mark away', () => {
    expect(evaluateHook({iptables: nat}, 'prerouting', {...service, src: '192.168.1.1'}).mark).toBe(0x4000);
    expect(evaluateHook({iptables: nat}, 'postrouting', {...service, mark: 0x4001})).toMatchObject({mark: 1, nat: {kind: 'masquerade'}});
    expect(evaluateHook({iptables: nat}, 'postrouting', {...service, mark: 1})).not.toHaveProperty('nat');
    expect(evaluateHook({iptables: nat}, 'postrouting', {...service, mark: 0x4001, ctstate: 'established'})).toMatchObject({mark: 0x4001});
  });
});

describe('queries', () => {
  const rules = filter(
    '-A FORWARD -j U',
    '[1:2] -A U -p udp -s 10.0.0.1/32 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment x -j ACCEPT',
    '-A V -s 10.0.0.1 -p udp -m state --state ESTABLISHED,RELATED -j ACCEPT',
    '-A V -s 10.0.0.1 -p udp -j ACCEPT',
  );
  it('find jumps and equal rules', () => {
    expect([
      hasJump(rules, 'filter', 'FORWARD', 'U'),
      hasJump(rules, 'filter', 'FORWARD', 'V'),
      hasJump(rules, 'nat', 'FORWARD', 'U'),
    ]).toEqual([true, false, false]);
    const [one, two, three] = findRules(rules, (rule) => rule.target?.name === 'ACCEPT') as [IptRule, IptRule, IptRule];
    expect([sameRule(one, two), sameRule(one, three)]).toEqual([true, false]);
  });
});

describe('nft', () => {
  const table = (name: string, chain: object, ...exprs: unknown[]) => [
    {table: {family: 'ip', name, handle: 1}},
    {chain: {family: 'ip', table: name, name: 'FORWARD', type: 'filter', hook: 'forward', prio: 0, policy: 'accept', ...chain}},
    ...exprs.map((expr) => ({rule: {family: 'ip', table: name, chain: 'FORWARD', handle: 2, expr}})),
  ];
  const ruleset = (...objects: unknown[]) => parseNft(JSON.stringify({nftables: objects}), {command: 'nft -j list ruleset'}).ruleset;
  const opaque = ruleset(...table('filter', {}, [{xt: {type: 'match', name: 'set'}}, {drop: null}]));

  it('leaves iptables-nft tables to iptables-save, and says unknown without it', () => {
    expect(evaluateHook({iptables: filter('-A FORWARD -j ACCEPT'), nft: opaque}, 'forward', packet)).toMatchObject({
      verdict: 'accept',
      by: {text: '-A FORWARD -j ACCEPT'},
    });
    expect(evaluateHook({nft: opaque}, 'forward', packet)).toMatchObject({verdict: 'unknown', unknowns: ['xt match "set" drop']});
    expect(evaluateHook({iptables: {...filter('-A FORWARD -j ACCEPT'), flavour: 'legacy'}, nft: opaque}, 'forward', packet).verdict).toBe(
      'unknown',
    );
  });

  it('an accept in one table does not stop the drop of another', () => {
    const both = ruleset(
      ...table('flannel-ipv4', {}, [
        {match: {op: '==', left: {payload: {protocol: 'ip', field: 'saddr'}}, right: {prefix: {addr: '10.244.0.0', len: 16}}}},
        {accept: null},
      ]),
      ...table('fw', {prio: 10, policy: 'drop'}),
    );
    expect(evaluateHook({nft: both}, 'forward', packet)).toMatchObject({verdict: 'drop', by: {text: 'policy drop', table: 'ip fw'}});
  });

  it('dormant tables see nothing', () => {
    const [first, ...rest] = table('off', {policy: 'drop'});
    expect(
      evaluateHook({nft: ruleset({table: {...(first as {table: object}).table, flags: ['dormant']}}, ...rest)}, 'forward', packet).verdict,
    ).toBe('accept');
  });
});

describe('whatever the text', () => {
  const good =
    '*filter\n:FORWARD DROP [0:0]\n:U - [0:0]\n-A FORWARD -m comment --comment "a \\"b" ! -s 10.0.0.0/8 -p tcp -m tcp --dport 1:2 -j U\n-A U -m mark --mark 0x1/0x2 -j MARK --set-xmark 0x1/0x1\nCOMMIT\n';
  const json = JSON.stringify({
    nftables: [
      {table: {family: 'ip', name: 't'}},
      {chain: {family: 'ip', table: 't', name: 'c', type: 'filter', hook: 'forward', prio: 0, policy: 'drop'}},
      {set: {family: 'ip', table: 't', name: 's', type: 'ipv4_addr', elem: ['1.1.1.1', {range: ['1.1.1.3', '1.1.1.4']}]}},
      {
        rule: {
          family: 'ip',
          table: 't',
          chain: 'c',
          expr: [
            {match: {op: '!=', left: {payload: {protocol: 'ip', field: 'saddr'}}, right: '@s'}},
            {vmap: {key: {meta: {key: 'iifname'}}, data: {set: [['eth0', {jump: {target: 'c'}}]]}}},
          ],
        },
      },
    ],
  });
  const mutations = fc.array(fc.record({at: fc.nat(2000), cut: fc.nat(12), put: fc.string({maxLength: 4})}), {minLength: 1, maxLength: 4});
  const mutate = (text: string, edits: readonly {at: number; cut: number; put: string}[]) =>
    edits.reduce((t, {at, cut, put}) => t.slice(0, at % t.length || 1) + put + t.slice((at % t.length || 1) + cut), text);

  it('reading and evaluating never throws', () => {
    fc.assert(
      fc.property(mutations, (edits) => {
        const iptables = parseIptables(mutate(good, edits), context).ruleset;
        const nft = parseNft(mutate(json, edits), {command: 'nft'}).ruleset;
        expect(['accept', 'drop', 'reject', 'unknown']).toContain(evaluateHook({iptables, nft}, 'forward', packet).verdict);
      }),
      {numRuns: 1500},
    );
  });

  it('values of every type in the JSON are survived', () => {
    const value = fc.jsonValue({maxDepth: 3});
    fc.assert(
      fc.property(value, value, fc.constantFrom('match', 'vmap', 'mangle', 'snat', 'xt', 'limit', 'jump'), (left, right, kind) => {
        const expr = [
          {
            [kind]:
              kind === 'match'
                ? {op: '==', left: {payload: left}, right}
                : kind === 'vmap'
                  ? {key: {meta: {key: 'iifname'}}, data: left}
                  : left,
          },
        ];
        const nft = parseNft(
          JSON.stringify({
            nftables: [
              {table: {family: 'ip', name: 't'}},
              {chain: {family: 'ip', table: 't', name: 'c', type: 'filter', hook: 'forward', prio: 0}},
              {rule: {family: 'ip', table: 't', chain: 'c', expr}},
            ],
          }),
          {command: 'nft'},
        ).ruleset;
        expect(['accept', 'unknown', 'drop', 'reject']).toContain(evaluateHook({nft}, 'forward', packet).verdict);
      }),
      {numRuns: 800},
    );
  });
});
