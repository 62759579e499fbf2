import type {Rulesets} from '../kernel/netfilter/evaluate.js';
import type {Ruleset} from '../kernel/netfilter/iptables.js';
import type {NodeView} from '../model/view.js';
import {type Stopped, stoppedForwards} from './flows.js';

/**
 * What FORWARD would stop while a flanneld that starts has emptied its chain and not filled it yet: on a node whose policy is DROP nothing else
 * may let pods' packets through (flannel-backends.md §6.4). Empty where something does, or the rules were not read.
 */
export function stoppedWithoutFlannel(view: NodeView): readonly Stopped[] {
  const {state} = view;
  const {netfilter} = state;
  const now = stoppedForwards(view).flatMap((s) => s.flows.map((f) => `${f.family} ${f.direction} ${f.peer.node}`));
  const emptied = (rulesets: Rulesets): Rulesets => ({
    ...rulesets,
    iptables: rulesets.iptables && withoutAccepts(rulesets.iptables),
    iptablesLegacy: rulesets.iptablesLegacy && withoutAccepts(rulesets.iptablesLegacy),
  });
  const later = {...view, state: {...state, netfilter: {...netfilter, 4: emptied(netfilter[4]), 6: emptied(netfilter[6])}}};
  return stoppedForwards(later).flatMap((s) => {
    const flows = s.flows.filter((f) => !now.includes(`${f.family} ${f.direction} ${f.peer.node}`));
    return flows.length > 0 ? [{...s, flows}] : [];
  });
}

function withoutAccepts(ruleset: Ruleset): Ruleset {
  const filter = ruleset.tables.get('filter');
  const chain = filter?.chains.get('FLANNEL-FWD');
  if (!filter || !chain) return ruleset;
  const chains = new Map(filter.chains).set('FLANNEL-FWD', {...chain, rules: []});
  return {...ruleset, tables: new Map(ruleset.tables).set('filter', {...filter, chains})};
}
