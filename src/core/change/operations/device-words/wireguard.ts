import type {Link} from '../../../kernel/link.js';
import {type Line, quoted} from '../kind.js';
import type {DeviceWords} from './device-words.js';

/** Where flanneld keeps the node's key (flannel-backends.md §4.2). Only the file is named, to programs that open it themselves. */
export const keyFile = '/run/flannel/wgkey';

const sh = (text: string): Line => ({tool: 'sh', text});
const publicKeyOf = (link: Link): string | undefined => (typeof link.info?.['publicKey'] === 'string' ? link.info['publicKey'] : undefined);

/** Is the key of the file that of the device? The private one goes from the file into a pipe, and nowhere else. */
const sameKey = (link: Link): string => {
  const key = publicKeyOf(link);
  return key === undefined
    ? `[ -s ${keyFile} ]`
    : `[ "$(wg pubkey <${keyFile})" = ${quoted(key)} ] || { echo ${quoted(`${keyFile} does not hold the key of ${link.ifname}`)} >&2; false; }`;
};

export const wireguard: DeviceWords = {
  words: () => [],
  settled(link) {
    const {listenPort, fwmark} = link.info ?? {};
    const port = typeof listenPort === 'number' ? ` listen-port ${listenPort}` : '';
    const mark = typeof fwmark === 'number' ? ` fwmark ${fwmark}` : '';
    return [sh(`{ ${sameKey(link)}; } && wg set ${quoted(link.ifname)}${port}${mark} private-key ${keyFile}`)];
  },
  kept: (link) => [
    sh(`{ ${sameKey(link)}; }`),
    // Preshared keys go through a pipe and are counted; with one of them its peer could not be made again.
    sh(
      `! wg show ${quoted(link.ifname)} preshared-keys | grep -qv '(none)$' || { echo ${quoted(`a peer of ${link.ifname} has a preshared key, which is not kept`)} >&2; false; }`,
    ),
  ],
  changes: () => [],
  mustBeNew: (link, before) => link.kind !== before.kind,
  defaults: {},
  flags: ['POINTOPOINT', 'NOARP'],
  linkType: 'none',
};
