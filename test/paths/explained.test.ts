import {describe, expect, test} from 'vitest';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {openTrace} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';
import {type Edit, edited} from '../edited.js';

const swap =
  (pattern: RegExp, by: string) =>
  (out: string): string =>
    out.replace(pattern, by);
/** The entry of `ip xfrm policy list` with these words in its first two lines. */
const policy = (src: string, dst: string, dir: string) =>
  new RegExp(`src ${src} dst ${dst} \\n\\tdir ${dir} [^\\n]*\\n(?:\\t[^\\n]*\\n?)*`);
const [one, two] = ['10.244.1.0/24', '10.244.2.0/24'];
const n2Key = '041VdgxMWgbJVxly3G/j5EG3xW6Mx44OMBzbmQUbTAo=';
const otherKey = `${'A'.repeat(42)}8=`;

const idle = [
  '99: eni0123456789a@if98: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state LOWERLAYERDOWN mode DEFAULT group default qlen 1000',
  '    link/ether 02:00:00:00:00:99 brd ff:ff:ff:ff:ff:ff link-netnsid 9 promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ',
  '    veth addrgenmode none numtxqueues 1 numrxqueues 1 ',
];

/** What breaks a pair of nodes in a backend of its own, and the rule that must be named for every direction that it breaks. */
const cases: {readonly [name: string]: readonly [base: string, rule: string, ...edits: readonly Edit[]]} = {
  'WireGuard: allowed addresses taken away': [
    'debian-wireguard',
    'wg-allowed-ips-wrong',
    ['n1', 'wg-show', swap(/10\.244\.2\.0\/24/, '10.244.77.0/24')],
  ],
  'WireGuard: no peer': ['debian-wireguard', 'wg-peer-missing', ['n1', 'wg-show', swap(/flannel-wg\t041V.*\n/, '')]],
  'WireGuard: another key': [
    'debian-wireguard',
    'wg-key-mismatch',
    ['n2', 'wg-show', swap(new RegExp(n2Key.replace(/[+/=]/g, '.')), otherKey)],
  ],
  'WireGuard: a preshared key at one end, and no session': [
    'debian-wireguard',
    'wg-psk-mismatch',
    ['n1', 'wg-show', swap(/(041V\S+\t)\(none\)(\t\S+\t\S+)\t\d+\t\d+\t\d+/, '$1(hidden)$2\t0\t0\t0')],
  ],
  'WireGuard: another port': ['debian-wireguard', 'wg-listen-port-wrong', ['n2', 'wg-show', swap(/\t51820\toff/, '\t51999\toff')]],
  'IPsec: no associations': ['debian-ipsec', 'ipsec-association-missing', ['n1', 'ip-xfrm-state', () => '']],
  'IPsec: a policy that blocks': [
    'debian-ipsec',
    'ipsec-policy-wrong',
    ['n1', 'ip-xfrm-policy', swap(policy(one, two, 'out'), `src ${one} dst ${two} \n\tdir out action block priority 0 ptype main \n`)],
  ],
  'IPsec: a policy for another end': [
    'debian-ipsec',
    'ipsec-policy-wrong',
    ['n1', 'ip-xfrm-policy', swap(/tmpl src 192\.168\.77\.11 dst 192\.168\.77\.12/, 'tmpl src 192.168.77.11 dst 192.168.77.99')],
  ],
  'IPsec: no policy fwd': ['debian-ipsec', 'ipsec-policy-missing', ['n1', 'ip-xfrm-policy', swap(policy(two, one, 'fwd'), '')]],
  'IPsec: no policy out': ['debian-ipsec', 'ipsec-policy-missing', ['n1', 'ip-xfrm-policy', swap(policy(one, two, 'out'), '')]],
  'a cloud: the route of a pod that is gone, to an address that one of another node has now': [
    'tke-vpc-cni',
    'vpc-rule-leaked',
    ['n1', 'ip-link', (out) => `${out}${idle.join('\n')}\n`],
    ['n1', 'ip-rule', (out) => `${out}512:\tfrom all to 10.0.0.30 lookup main\n`],
    ['n1', 'ip-route-all', (out) => `${out}unicast 10.0.0.30 dev eni0123456789a table main proto boot scope link linkdown \n`],
  ],
};

/** A trace that breaks names what doctor says of the same evidence: here in the tunnels that vxlan's faults do not meet. */
describe('a broken direction is explained', () => {
  test.each(Object.entries(cases))('%s', async (_, [base, rule, ...edits]) => {
    const dumps = await edited(base, ...edits);
    const evidence = {
      async *nodes() {
        yield* dumps;
      },
    };
    const {findings} = await diagnose(evidence, {}, rules);
    expect(findings.map((f) => f.rule)).toEqual([rule]);
    const tracer = await openTrace(evidence, {});
    const pairs = [
      ['n1-p1', 'n2-p1'],
      ['n2-p1', 'n1-p1'],
    ] as const;
    const broken = [];
    for (const [from, to] of pairs) {
      const traced = await tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'icmp', family: 4});
      const {directions} = traceReport(traced, {proto: 'icmp', port: null}, findings, false);
      broken.push(...directions.filter((d) => d.verdict === 'broken').map((d) => [d.because, d.explained?.rule]));
    }
    expect(broken).not.toEqual([]);
    expect(broken.filter(([, explained]) => explained !== rule)).toEqual([]);
  });
});
