import {type Link, localOf} from '../../../kernel/link.js';
import type {DeviceWords} from './device-words.js';

type Info = {readonly [name: string]: unknown};

const flag = (info: Info, key: string, yes: string, no?: string): readonly string[] =>
  info[key] === true ? [yes] : info[key] === false && no !== undefined ? [no] : [];
const value = (info: Info, key: string, word: string): readonly string[] => (info[key] === undefined ? [] : [word, String(info[key])]);

/** Attributes that the kernel sets once, when it makes the device: one with others has to be made anew (vxlan_nl2conf, `changelink`). */
const fixed = ['id', 'port', 'gbp', 'gpe', 'external', 'udp_csum', 'udp_zero_csum6_tx', 'udp_zero_csum6_rx'];

/** What a device has that was made without saying more. */
const vxlanDefaults: Info = {ageing: 300, ttl: 0, udp_csum: true, udp_zero_csum6_tx: false, udp_zero_csum6_rx: false};

/** After `ip link add … type vxlan`: everything that is known of it. */
function vxlanWords(link: Link): readonly string[] {
  const info = link.info ?? {};
  return [
    ...value(info, 'id', 'id'),
    ...(localOf(link) === undefined ? [] : ['local', localOf(link)!]),
    ...value(info, 'remote', 'remote'),
    ...value(info, 'remote6', 'remote'),
    ...value(info, 'group', 'group'),
    ...value(info, 'group6', 'group'),
    ...value(info, 'link', 'dev'),
    ...value(info, 'port', 'dstport'),
    info['learning'] === true ? 'learning' : 'nolearning',
    ...value(info, 'tos', 'tos'),
    ...(info['ttl'] === undefined || info['ttl'] === 0 ? [] : ['ttl', String(info['ttl'])]),
    ...value(info, 'ageing', 'ageing'),
    ...['proxy', 'rsc', 'l2miss', 'l3miss', 'external', 'gbp', 'gpe'].flatMap((key) => flag(info, key, key)),
    ...flag(info, 'udp_csum', 'udpcsum', 'noudpcsum'),
    ...flag(info, 'udp_zero_csum6_tx', 'udp6zerocsumtx', 'noudp6zerocsumtx'),
    ...flag(info, 'udp_zero_csum6_rx', 'udp6zerocsumrx', 'noudp6zerocsumrx'),
  ];
}

/** After `ip link set … type vxlan`: what differs of a live device; empty when nothing does. */
function vxlanChanges(link: Link, before: Link): readonly string[] {
  const info = link.info ?? {};
  const was = before.info ?? {};
  const words = [
    ...(localOf(link) === undefined || localOf(link) === localOf(before) ? [] : ['local', localOf(link)!]),
    ...(info['link'] === undefined || info['link'] === was['link'] ? [] : ['dev', String(info['link'])]),
    ...(info['learning'] === undefined || info['learning'] === was['learning']
      ? []
      : [info['learning'] === true ? 'learning' : 'nolearning']),
  ];
  return words.length === 0 ? [] : ['type', 'vxlan', ...words];
}

/** Must the device be made anew to become the wanted one? Attributes that nobody states do not count. */
function mustBeNew(link: Link, before: Link): boolean {
  const [info, was] = [link.info ?? {}, before.info ?? {}];
  if (link.kind !== before.kind) return true;
  const family = (text: string | undefined) => text?.includes(':');
  return (
    fixed.some((key) => info[key] !== undefined && was[key] !== undefined && info[key] !== was[key]) ||
    (localOf(link) !== undefined && localOf(before) !== undefined && family(localOf(link)) !== family(localOf(before)))
  );
}

export const vxlan: DeviceWords = {
  words: vxlanWords,
  changes: vxlanChanges,
  queue: 0,
  mustBeNew,
  defaults: vxlanDefaults,
  flags: ['BROADCAST', 'MULTICAST'],
  linkType: 'ether',
};
