import {xfrmUpdate} from '../kernel/tunnel-commands.js';
import {xfrm as table} from '../kernel/xfrm.js';
import {cut} from './pair.js';
import {step} from './remedy.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const ipsecPolicyMissing: NodeRule = {
  id: 'ipsec-policy-missing',
  scope: 'node',
  stage: 'policy',
  severity: 'error',
  holds: 'For every other node there are three IPsec policies: out, in and fwd.',
  cause: 'Somebody flushed the policies, or flanneld failed to add one when it heard of the node.',
  effect: "The pair's packets are not protected, or are dropped at one of its ends.",
  remedy: 'Write the policy again, or restart flannel on the node.',
  fix: 'safe',
  restarts: 'node',
  modes: ['ipsec'],
  needs: ['xfrm'],
  *check(view) {
    const {name, changes, state} = view;
    const gone = (changes.xfrm ?? []).filter((change) => change.kind === 'missing');
    for (const change of gone) {
      const {row, peer = '', family} = change.want;
      yield {
        subject: `${row.dir} ${peer}`,
        message: `${name} has no policy ${row.dir} from ${row.src} to ${row.dst} (${peer})`,
        ...(row.dir === 'in' && !gone.some((o) => o !== change && o.want.peer === peer) && {severity: 'warning' as const}),
        effect:
          row.dir === 'out'
            ? `${cut(view, family, peer, row.dst)}: their packets leave in clear, by whatever route there is`
            : row.dir === 'fwd'
              ? `pods of ${peer} cannot reach pods of ${name}: what was decrypted is dropped, since no policy asked for it`
              : `pods of ${peer} cannot reach ${name} itself at its address in ${row.dst}; its pods they can`,
        evidence: [absent(name, state.commands['ip-xfrm-policy'] ?? 'ip xfrm policy list', table.show(row))],
        steps: [step(name, xfrmUpdate(row))],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.news(name, peer)],
        breaks: [token.end(name, peer)],
      };
    }
  },
};
