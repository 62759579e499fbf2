import {xfrmUpdate} from '../kernel/tunnel-commands.js';
import {xfrm as table} from '../kernel/xfrm.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const ipsecPolicyWrong: NodeRule = {
  id: 'ipsec-policy-wrong',
  scope: 'node',
  stage: 'policy',
  severity: 'error',
  holds: "Each IPsec policy asks for a tunnel between the two nodes' public addresses.",
  cause: 'A node got another address and flannel was not restarted here, or somebody wrote the policy by hand.',
  effect: 'No security association fits: the kernel drops the packets without a word.',
  remedy: 'Write the policy with the addresses of the leases, or restart flannel on the node.',
  fix: 'safe',
  restarts: 'node',
  modes: ['ipsec'],
  needs: ['xfrm'],
  *check({name, changes}) {
    for (const change of changes.xfrm ?? []) {
      if (change.kind !== 'differs') continue;
      const {row, peer = ''} = change.want;
      const [actual] = change.actual;
      yield {
        subject: `${row.dir} ${peer}`,
        message: `${name} has the policy ${table.show(actual)}, it should be ${table.show(row)}`,
        effect: row.dir === 'out' ? `pods of ${name} cannot reach pods of ${peer}` : `pods of ${peer} cannot reach pods of ${name}`,
        evidence: [rows(name, table.show, change.actual)],
        steps: [step(name, xfrmUpdate(row))],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.news(name, peer)],
        breaks: [token.end(name, peer)],
      };
    }
  },
};
