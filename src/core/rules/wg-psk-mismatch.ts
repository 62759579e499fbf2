import {wg as table} from '../kernel/wg.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const wgPskMismatch: NodeRule = {
  id: 'wg-psk-mismatch',
  scope: 'node',
  stage: 'fdb',
  severity: 'error',
  holds: "WireGuard's peers have a preshared key exactly where net-conf.json has one.",
  cause: 'PSK was added to net-conf.json, or taken away, and flannel was not restarted on this node.',
  effect: 'Handshakes with nodes that did follow fail; a session that stands ends within three minutes.',
  remedy: 'Restart flannel on every node that is behind. The key itself is never read, so no command can be given for it.',
  fix: 'no',
  restarts: 'everywhere',
  modes: ['wireguard'],
  needs: ['wg'],
  *check({name, cluster, state, expected}) {
    if (cluster.configuredBy !== 'net-conf' || cluster.settings?.psk === undefined) return;
    const wanted = cluster.settings.psk;
    const wrong = (expected?.wg ?? []).flatMap(({row: {dev, publicKey}, peer = ''}) => {
      const row = state.tables.wg?.find((p) => p.dev === dev && p.publicKey === publicKey);
      return row && (row.preshared === true) !== wanted ? [{peer, row}] : [];
    });
    if (wrong.length === 0) return;
    const peers = [...new Set(wrong.map((w) => w.peer))];
    yield {
      subject: peers.join(', '),
      message: `${name} has ${wanted ? 'no preshared key' : 'a preshared key'} for ${peers.join(', ')}; by ${cluster.configuredFrom ?? 'net-conf.json'} there is ${wanted ? 'one' : 'none'}`,
      effect: `pods of ${name} cannot reach pods of nodes that have ${wanted ? 'one' : 'none'}`,
      evidence: [
        rows(
          name,
          table.show,
          wrong.map((w) => w.row),
        ),
      ],
      peers,
      dependsOn: [token.lease(name), ...peers.map(token.lease)],
      breaks: peers.map((peer) => token.end(name, peer)),
    };
  },
};
