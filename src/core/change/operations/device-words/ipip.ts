import {localOf} from '../../../kernel/link.js';
import type {DeviceWords} from './device-words.js';

/** As flanneld makes it: no end, the routes name one each; the outer TTL is the packet's own (flannel-backends.md §4.3). */
export const ipip: DeviceWords = {
  words: (link) => [
    ...(localOf(link) === undefined ? [] : ['local', localOf(link)!]),
    'remote',
    String(link.info?.['remote'] ?? 'any'),
    link.info?.['pmtudisc'] === true ? 'pmtudisc' : 'nopmtudisc',
    'ttl',
    Number(link.info?.['ttl'] ?? 0) === 0 ? 'inherit' : String(link.info?.['ttl']),
  ],
  // The kernel takes the whole configuration anew, and ip fills in what is not said from what the device has.
  changes: (link, before) =>
    localOf(link) === undefined || localOf(link) === localOf(before) ? [] : ['type', 'ipip', 'local', localOf(link)!],
  mustBeNew: (link, before) =>
    link.kind !== before.kind || (link.info?.['remote'] !== undefined && link.info['remote'] !== before.info?.['remote']),
  defaults: {ttl: 0, pmtudisc: false},
  flags: ['NOARP'],
  linkType: 'ipip',
};
