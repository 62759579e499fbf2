import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';

/** strongSwan's packages, unpacked and not installed: by bin/test.sh. */
const strongswan = process.env['FLANCTL_STRONGSWAN'] ?? '/var/cache/flanctl-vm/strongswan';

const settings = `charon {
  load = random nonce aes sha1 sha2 hmac kdf gmp openssl gcm kernel-netlink socket-default vici
  install_routes = no
  filelog { log { path = /run/charon/log
      default = 1
      flush_line = yes } }
  plugins { vici { socket = unix:///run/charon/vici } }
}
`;

const connection = (node: LabNode, peer: LabNode): string => `  ${peer.name} {
    version = 2
    local_addrs = ${node.ip}
    remote_addrs = ${peer.ip}
    proposals = aes256-sha256-modp4096
    keyingtries = 0
    local { auth = psk
      id = ${node.ip} }
    remote { auth = psk
      id = ${peer.ip} }
    children {
      ${node.name}-${peer.name} {
        local_ts = ${node.subnet}
        remote_ts = ${peer.subnet}
        esp_proposals = aes128gcm16-sha256-prfsha256-ecp256
        mode = tunnel
        reqid = 11
        policies = no
        start_action = start
        close_action = trap
        dpd_action = restart
        rekey_time = 1h
      }
    }
  }
`;

/** Where charon and its libraries are found, and its own words go. */
const surroundings = 'LD_LIBRARY_PATH=/usr/lib/ipsec STRONGSWAN_CONF=/run/charon/strongswan.conf';

/**
 * charon on a node of a lab, as flanneld has it: it agrees on keys and makes associations, and writes no policies
 * (flannel pkg/backend/ipsec/handle_charon.go; model/flannel-backends.md §4.4).
 */
export async function startCharon(lab: Lab, node: LabNode, psk: string): Promise<void> {
  const peers = lab.nodes.filter((peer) => peer !== node).map((peer) => connection(node, peer));
  const run = async (script: string): Promise<void> => {
    const ran = await runIn(lab, node.name, script);
    if (ran.code !== 0) throw new Error(`charon on ${node.name}: ${ran.stdout}${ran.stderr}`);
  };
  const write = (file: string, text: string) => `cat > ${file} <<'END'\n${text}END\n`;
  await run(
    `set -e\nmkdir -p /run/charon\n${write('/run/charon/strongswan.conf', settings)}` +
      write('/run/charon/swanctl.conf', `connections {\n${peers.join('')}}\nsecrets { ike-all { secret = "${psk}" } }\n`) +
      // Beside the libraries of the machine, for this node alone.
      `mount -t overlay libraries -o lowerdir=${strongswan}/usr/lib:/usr/lib /usr/lib
      ${surroundings} setsid /usr/lib/ipsec/charon </dev/null >/run/charon/said 2>&1 &
      i=0
      until [ -S /run/charon/vici ]; do
        i=$((i + 1))
        [ $i -lt 600 ] || { cat /run/charon/said /run/charon/log >&2; exit 1; }
        sleep 0.1
      done`,
  );
  await run(`${surroundings} ${strongswan}/usr/sbin/swanctl --load-all --file /run/charon/swanctl.conf --uri unix:///run/charon/vici`);
}

/** The end of charon's own words, for what it did not do. */
export const charonSaid = async (lab: Lab, node: LabNode): Promise<string> =>
  (await runIn(lab, node.name, ['tail', '-n', '40', '/run/charon/log'])).stdout;
