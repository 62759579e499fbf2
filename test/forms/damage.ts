import type {NodeDump} from '../../src/core/node/dump.js';
import type {Form} from './form.js';

/** One thing wrong on n1 of a healthy form, and the rule that has to say so: a verdict of "healthy" is worth what is found beside it. */
export interface Damage {
  readonly what: string;
  readonly section: string;
  readonly change: (out: string) => string;
  readonly rule: string;
}

const without = (pattern: RegExp) => (out: string) =>
  out
    .split('\n')
    .filter((line) => !pattern.test(line))
    .join('\n');

const route = {section: 'ip-route-all', change: without(/^unicast 10\.244\.2\.0\/24 /), rule: 'route-missing'};
const allowed = {
  section: 'wg-show',
  change: (out: string) => out.replace(/10\.244\.2\.0\/24/, '10.244.9.0/24'),
  rule: 'wg-allowed-ips-wrong',
};

const policy = {
  section: 'ip-xfrm-policy',
  change: (out: string) => out.replace(/^src 10\.244\.1\.0.*\n(?:\t.*\n)+/, ''),
  rule: 'ipsec-policy-missing',
};

/** What the backend itself has of a peer, or of its device. */
const own: {readonly [rows: string]: Omit<Damage, 'what'>} = {
  vxlan: {section: 'bridge-fdb', change: (out) => out.replace(/ dst 192\.168\.77\.12 /, ' dst 192.168.77.99 '), rule: 'fdb-wrong-dst'},
  'host-gw': {
    section: 'ip-route-all',
    change: (out) => out.replace(/^(unicast 10\.244\.2\.0\/24 via) 192\.168\.77\.12 /m, '$1 192.168.77.13 '),
    rule: 'route-wrong-nexthop',
  },
  udp: {section: 'ss-udp', change: without(/:8285 /), rule: 'udp-proxy-missing'},
  ipip: {section: 'ip-link', change: (out) => out.replace('local 192.168.77.11', 'local 192.168.77.12'), rule: 'ipip-dev-local-wrong'},
  wireguard: allowed,
  wireguardSingle: allowed,
  wireguardKept: allowed,
  ipsec: policy,
  ipsecInUdp: policy,
  extension: route,
};

/** The rules of this generation, of both families' one. */
function firewall({nftables}: Form): readonly Damage[] {
  if (nftables === true)
    return [
      {
        what: 'its nft chains empty',
        section: 'nft',
        change: (out) =>
          out.replaceAll(/, \{"rule": \{"family": "ip", "table": "flannel-ipv4".*?\}(?=, \{"(?:rule|table|chain)"|\]\}\s*$)/g, ''),
        rule: 'fw-nft-table-missing',
      },
    ];
  return [
    {
      what: 'nothing accepted in FORWARD, which drops',
      section: 'iptables-save',
      change: (out) => without(/-A (?:FORWARD|FLANNEL-FWD) .*ACCEPT$/)(out).replace(':FORWARD ACCEPT', ':FORWARD DROP'),
      rule: 'fw-forward-drop',
    },
    {
      what: 'nothing masqueraded',
      section: 'iptables-save',
      change: without(/-A (?:POSTROUTING|FLANNEL-POSTRTG) .*MASQUERADE/),
      rule: 'nat-masquerade-missing',
    },
  ];
}

/** What must be found in this form. */
export const damagesOf = (form: Form): readonly Damage[] => {
  // On one segment DirectRouting has a route by the peer, and no rows of the tunnel.
  const rows = own[form.directRouting ? 'host-gw' : (form.rows ?? form.backend)];
  return [...(rows ? [{what: `of ${form.backend} itself`, ...rows}] : []), ...firewall(form)];
};

/** @throws when it changes nothing: then nothing is shown by what is found. */
export function damaged(dumps: readonly NodeDump[], {section, change, what}: Damage): readonly NodeDump[] {
  const [first, ...rest] = dumps;
  let done = false;
  const sections = first!.sections.map((s) => {
    if (s.name !== section) return s;
    const out = change(s.out);
    done ||= out !== s.out;
    return {...s, out};
  });
  if (!done) throw new Error(`${what}: ${section} of ${first!.node} stays as it is`);
  return [{...first!, sections}, ...rest];
}
