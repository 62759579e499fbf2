import {bytesOf} from '../identity.js';
import type {Lab, LabNode} from '../topology.js';
import type {Backend} from './backend.js';

/** flanneld refuses a shorter one (model/flannel-backends.md §4.4). */
const pskOf = (lab: string): string => bytesOf(lab, 'psk', 'a').toString('hex') + bytesOf(lab, 'psk', 'b').toString('hex');

/**
 * The policies are flanneld's own. Of charon's part only its result is here: for each pair two associations in the form in which charon makes
 * them of flannel's proposal (aes128gcm16), with keys that come from the lab's name.
 */
export const ipsec: Backend = {
  type: 'ipsec',
  netConf: (spec) => ({PSK: pskOf(spec.name)}),
  needs: {
    device: {
      what: 'IPsec (ESP)',
      probe:
        'ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel aead "rfc4106(gcm(aes))" 0x0102030405060708090a0b0c0d0e0f1011121314 128',
      modules: ['xfrm_user', 'esp4'],
    },
  },
  clear: 'ip xfrm policy flush; ip xfrm state flush',
  ipLines: (lab, node) =>
    lab.nodes.filter((peer) => peer !== node).flatMap((peer) => [association(lab, node, peer), association(lab, peer, node)]),
};

/**
 * Without a replay window, which charon's have: when a node is made anew it gets the keys that it had, and counts from one again, so that the
 * others would take its packets for repeated ones (XfrmInStateSeqError).
 */
function association({spec}: Lab, from: LabNode, to: LabNode): string {
  const words = bytesOf(spec.name, from.name, to.name, 'esp');
  const spi = (0xc0000000 + words.readUIntBE(20, 3)).toString(16);
  return (
    `xfrm state add src ${from.ip} dst ${to.ip} proto esp spi 0x${spi} reqid 11 mode tunnel replay-window 0 flag af-unspec ` +
    `aead rfc4106(gcm(aes)) 0x${words.subarray(0, 20).toString('hex')} 128`
  );
}
