import type {Link} from '../../../kernel/link.js';
import type {DeviceWords} from './device-words.js';
import {ipip} from './ipip.js';
import {vxlan} from './vxlan.js';
import {wireguard} from './wireguard.js';

export type {DeviceWords} from './device-words.js';

/** Every kind of device that flanctl makes, by the kernel's word for it. A TUN device is its process's own. */
export const deviceWords: {readonly [kind: string]: DeviceWords} = {vxlan, ipip, wireguard};

/** A device of flannel's that says nothing of its kind is of flannel's first one. */
export const wordsFor = (link: Link): DeviceWords => deviceWords[link.kind ?? 'vxlan'] ?? plain;

/** Of a kind that flanctl never makes (a pod's veth, the uplink): its MTU, master and flags can be changed, nothing else. */
const plain: DeviceWords = {
  words: () => [],
  changes: () => [],
  mustBeNew: (link, before) => link.kind !== before.kind,
  defaults: {},
  flags: ['BROADCAST', 'MULTICAST'],
  linkType: 'ether',
};

/** Must the device be made anew to become the wanted one? */
export const mustBeNew = (link: Link, before: Link): boolean => link.kind !== before.kind || wordsFor(link).mustBeNew(link, before);
