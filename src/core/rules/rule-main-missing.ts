import {type Rule, rule as table} from '../kernel/rule.js';
import {looked} from '../node/state.js';
import {listing} from './pair.js';
import {step} from './remedy.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

const numbers: {readonly [name: string]: string} = {local: '255', main: '254'};

const plain = (r: Rule): boolean =>
  r.src === undefined &&
  r.dst === undefined &&
  r.iif === undefined &&
  r.oif === undefined &&
  r.fwmark === undefined &&
  r.suppress_prefixlength === undefined;

export const ruleMainMissing: NodeRule = {
  id: 'rule-main-missing',
  scope: 'node',
  // Before the routes: without these rules none of them is looked at.
  stage: 'device',
  severity: 'error',
  holds: 'The policy rules for the tables local and main are there.',
  cause: 'systemd-networkd removed foreign policy rules on a restart, or `ip rule flush` was used: it deletes all but the local one.',
  effect: 'The kernel does not look into the table, and finds no route for anything that was only there.',
  remedy: "Add the kernel's own rules again; set ManageForeignRoutingPolicyRules=no in networkd.conf.",
  fix: 'safe',
  needs: ['rule'],
  *check(view) {
    const {name, state, self} = view;
    for (const family of [4, 6] as const) {
      // A node without IPv6 has no IPv6 rules either.
      if (!looked(state, 'rule', family) || (family === 6 && self?.ipv6Subnet === undefined)) continue;
      const own = (state.tables.rule ?? []).filter((r) => r.family === family);
      const has = (wanted: string) =>
        own.some((r) => plain(r) && r.action === 'lookup' && (r.table === wanted || r.table === numbers[wanted]));
      const missing = ['local', 'main'].filter((t) => !has(t));
      for (const lacking of missing) {
        const priority = lacking === 'local' ? '0' : '32766';
        const add = (pref: string, to: string) =>
          step(name, ['ip', ...(family === 6 ? ['-6'] : []), 'rule', 'add', 'from', 'all', 'lookup', to, 'pref', pref]);
        // IPv6 has no table `default`, and an unused one hurts nobody: it is put back only along with main.
        const fallback = lacking === 'main' && family === 4 && !own.some((r) => r.table === 'default' || r.table === '253');
        yield {
          subject: `IPv${family} table ${lacking}`,
          message: `${name} has no IPv${family} policy rule that looks up the table ${lacking}`,
          effect:
            lacking === 'main'
              ? `${name} finds no route: neither its pods nor the node itself reach anything`
              : `${name} does not know its own IPv${family} addresses`,
          evidence: [
            absent(name, listing(view, 'rule', family), `${priority}: from all lookup ${lacking}`),
            ...(own.length > 0 ? [rows(name, table.show, own.slice(0, 5))] : []),
          ],
          steps: [add(priority, lacking), ...(fallback ? [add('32767', 'default')] : [])],
          breaks: [token.forwarding(name)],
        };
      }
    }
  },
};
