import type {Ruleset} from '../kernel/netfilter/iptables.js';
import {rulesetsOf} from './flows.js';
import type {NodeRule} from './rule.js';

export const fwIptablesVariantMixed: NodeRule = {
  id: 'fw-iptables-variant-mixed',
  scope: 'node',
  stage: 'firewall',
  severity: 'warning',
  holds: 'kube-proxy and flannel write their rules with one variant of iptables, nft or legacy.',
  cause: 'An image or an operating system upgrade changed the variant; the kernel goes on evaluating the rules of the other one.',
  effect: 'Rules seem to be there and count nothing, or old ones send Services to pods that are gone.',
  remedy:
    'Choose one variant everywhere (`update-alternatives --set iptables …`), and flush the KUBE- and FLANNEL- chains of the other one, or reboot.',
  fix: 'no',
  needs: ['iptables'],
  *check(view) {
    const {name} = view;
    for (const family of [4, 6] as const) {
      const [a, b] = rulesetsOf(view, family);
      if (!a || !b || a.flavour === b.flavour) continue;
      const [first, second] = [owners(a), owners(b)];
      const twice = ['KUBE', 'FLANNEL'].filter((o) => first.has(o) && second.has(o));
      const apart = twice.length === 0 && first.size > 0 && second.size > 0;
      if (twice.length === 0 && !apart) continue;
      const list = (set: ReadonlyMap<string, string>) => [...set.keys()].join(' and ');
      yield {
        subject: `IPv${family} iptables`,
        message: apart
          ? `on ${name} the ${list(first)} chains are in iptables-${a.flavour} and the ${list(second)} chains in iptables-${b.flavour}`
          : `on ${name} ${twice.join(' and ')} chains are in both iptables-${a.flavour} and iptables-${b.flavour}`,
        evidence: [a, b].map((r) => ({node: name, command: r.command, lines: [...owners(r).values()]})),
      };
    }
  },
};

/** Whose chains a ruleset has rules in, each with one rule to show. KUBE-IPTABLES-HINT and the canary chains only mark a variant. */
function owners(ruleset: Ruleset): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const table of ruleset.tables.values()) {
    for (const chain of table.chains.values()) {
      const owner = /^(KUBE|FLANNEL)-/.exec(chain.name)?.[1];
      const rule = chain.rules[0];
      // kubelet marks packets for everybody, in the variant of its own image.
      if (owner === undefined || rule === undefined || /HINT|CANARY|KUBE-(FIREWALL|MARK-)/.test(chain.name)) continue;
      if (!found.has(owner)) found.set(owner, rule.text);
    }
  }
  return found;
}
