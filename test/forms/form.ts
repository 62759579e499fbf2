import type {NodeDump, Section} from '../../src/core/node/dump.js';
import {loadRecorded} from '../bases/bases.js';
import {type Left, leaves} from './devices.js';
import {iptables, leftByNftables, nftables, noNftables} from './firewall.js';
import {type Version, versionOf} from './version.js';

export interface Form {
  readonly backend: string;
  readonly version: string;
  readonly dual?: boolean;
  readonly directRouting?: boolean;
  /** Keys of the Backend object beside Type. */
  readonly settings?: {readonly [key: string]: unknown};
  readonly nftables?: boolean;
  /** Rows of another kind than the backend's own name says. */
  readonly rows?: string;
  /** Rules of an older flannel, or of its iptables mode, are still there. */
  readonly upgraded?: boolean;
  /** vxlan's device and rows are still there, as a change of the backend leaves them (§9.1). */
  readonly afterVxlan?: boolean;
}

/** What pods are given of a wire of 1500 bytes (model/flannel-backends.md §0). */
const room: {readonly [backend: string]: number} = {vxlan: 50, ipip: 20, udp: 28, wireguard: 80, ipsec: 77};

/**
 * A healthy cluster of three nodes as this version of flannel leaves it with this backend: a recorded one with its devices, rows, rules
 * and files put in the place of those that it was recorded with (written after model/flannel-backends.md).
 */
export async function formed(form: Form): Promise<readonly NodeDump[]> {
  const version = versionOf(form.version);
  const {backend, dual = false, directRouting = false} = form;
  const recorded = backend === 'vxlan' || backend === 'host-gw';
  const direct = directRouting && backend === 'vxlan' ? '-direct' : '';
  const dumps = await loadRecorded(`${recorded ? backend : 'vxlan'}${direct}${dual ? '-dual' : ''}`);
  const numbers = dumps.map((_, i) => i + 1);
  return dumps.map((dump, i): NodeDump => {
    const about = {node: i + 1, peers: numbers.filter((n) => n !== i + 1), version, dual, directRouting};
    const left = recorded ? undefined : leaves[form.rows ?? backend]!(about);
    const edited = dump.sections.map((s) => (left ? swapped(s, left, 1500 - roomOf(form), form.afterVxlan === true) : attributed(s, form)));
    return {...dump, sections: firewalled(edited, form, version, i + 1).map((s) => configured(s, form, version))};
  });
}

const roomOf = ({backend, settings}: Form): number => (settings?.['UDPEncap'] === true ? 85 : (room[backend] ?? 0));

/** vxlan's device as it is with the settings that it shows (iproute2 6.1 names learning only where it is off). */
const attributed = (section: Section, {settings = {}}: Form): Section =>
  section.name === 'ip-link'
    ? {
        ...section,
        out: section.out
          .replaceAll(' nolearning', settings['Learning'] === true ? '' : ' nolearning')
          .replaceAll(' dstport 8472', ` dstport ${String(settings['Port'] ?? 8472)}`),
      }
    : section.name === 'ss-udp'
      ? {...section, out: section.out.replaceAll(':8472', `:${String(settings['Port'] ?? 8472)}`)}
      : section;

/** The section with the backend's own devices and rows in the place of vxlan's. */
function swapped(section: Section, left: Left, mtu: number, keep: boolean): Section {
  const {name} = section;
  const lines = section.out.split('\n').map((line) => (keep && / flannel\S*:/.test(line) ? line : line.replace('mtu 1450', `mtu ${mtu}`)));
  const plain = lines.filter((line) => keep || (!/\bdev flannel\S*/.test(line) && !line.includes('conf/flannel'))).join('\n');
  const out = (text: string): Section => ({...section, out: text});
  const added = (rows: readonly string[]) => out([...rows, plain].join('\n'));
  if (name === 'ip-link') return out(blocks(lines, left, true, keep));
  if (name === 'ip-addr') return out(blocks(lines, left, false, keep));
  // Of two routes to one prefix only the newer is there.
  const replaced = (line: string) => left.routes.some((r) => / table main /.test(r) && r.split(' ')[1] === line.split(' ')[1]);
  if (name === 'ip-route-all') return out([...left.routes, ...plain.split('\n').filter((l) => !replaced(l))].join('\n'));
  if (name === 'ip-6-route-all') return added(left.routes6);
  if (name === 'sysctl')
    return added(left.devices.flatMap((d) => lines.flatMap((l) => (l.includes('conf/eth0/') ? [l.replace('eth0', d.name)] : []))));
  if (name === 'ss-udp') return out([...left.sockets, ...(keep ? lines : [''])].join('\n'));
  if (name === 'wg-show') return out(left.wg);
  if (name === 'ip-xfrm-policy') return out(left.policies);
  if (name === 'ip-xfrm-state') return out(left.states);
  if (name === 'subnet.env') return out(lines.map((l) => (l.startsWith('FLANNEL_MTU') ? `FLANNEL_MTU=${mtu}` : l)).join('\n'));
  return out(plain);
}

/** A listing of devices without flannel's own and with others, numbered anew. */
function blocks(lines: readonly string[], left: Left, details: boolean, keep: boolean): string {
  const found: string[][] = [];
  for (const line of lines) {
    if (/^\d+: /.test(line)) found.push([line]);
    else if (line !== '') found.at(-1)?.push(line);
  }
  const others = found.filter(([head]) => keep || !/^\d+: flannel/.test(head ?? ''));
  const own = left.devices.map(({link: [head = '', ether = '', kind = ''], addresses}) =>
    details ? [`0: ${head}`, ether, kind] : [`0: ${head.replace(' mode DEFAULT', '')}`, ether.replace(/ promiscuity.*/, ''), ...addresses],
  );
  // After what pods' interfaces point at by number, so that those numbers stay.
  return [...others, ...own.map(([head = '', ...rest], i) => [head.replace(/^0/, String(90 + i)), ...rest])].flat().join('\n').concat('\n');
}

function firewalled(sections: readonly Section[], form: Form, version: Version, node: number): readonly Section[] {
  const rules = (family: 4 | 6): string => {
    if (family === 6 && form.dual !== true) return '';
    const nets =
      family === 4
        ? {network: '10.244.0.0/16', subnet: `10.244.${node}.0/24`, multicast: '224.0.0.0/4'}
        : {network: 'fd44::/56', subnet: `fd44:0:0:${node}::/64`, multicast: 'ff00::/8'};
    if (form.nftables === true) return form.upgraded === true ? leftByNftables(version, nets) : '';
    return iptables(version, nets, form.upgraded);
  };
  const texts: {readonly [name: string]: string} = {
    'iptables-save': rules(4),
    'ip6tables-save': rules(6),
    nft: form.nftables === true ? nftables(node) : noNftables,
  };
  return sections.map((s) => (texts[s.name] === undefined ? s : {...s, out: texts[s.name]!}));
}

/** Its files, as that version's manifest and flanneld write them. */
function configured(
  section: Section,
  {backend, dual = false, directRouting = false, settings = {}, nftables: nft}: Form,
  version: Version,
): Section {
  if (section.name === 'net-conf.json') {
    const conf = {
      Network: '10.244.0.0/16',
      ...(dual && {EnableIPv6: true, IPv6Network: 'fd44::/56'}),
      ...(nft === true && {EnableNFTables: true}),
      Backend: {Type: backend, ...settings, ...(directRouting && {DirectRouting: true})},
    };
    return {...section, out: JSON.stringify(conf)};
  }
  if (section.name === 'cni/10-flannel.conflist' && version.at < 1000)
    return {
      ...section,
      name: 'cni/10-flannel.conf',
      command: 'cat /etc/cni/net.d/10-flannel.conf',
      // The manifest named no cniVersion; the runtimes of today ask for one.
      out: '{"name": "cbr0", "cniVersion": "0.3.1", "type": "flannel", "delegate": {"isDefaultGateway": true}}',
    };
  return section;
}
