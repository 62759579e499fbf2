import type {FamilyLease} from '../flannel/lease.js';
import {hasChain, hasJump} from '../kernel/netfilter/chains.js';
import type {NodeView} from '../model/view.js';
import type {Prefix} from '../net/address.js';
import {flannelRules, rulesetsOf, toolOf} from './flows.js';
import {networksOf} from './forward-accept.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';

const note = ['-m', 'comment', '--comment', 'flanneld masq'];

/** flannel's masquerade rules as current releases write them (flannel-backends.md §6.1), for what of them is missing. */
export function restoreMasquerade(view: NodeView, lease: FamilyLease): readonly Step[] {
  const {family, subnet} = lease;
  const {name} = view;
  const ruleset = rulesetsOf(view, family).find((r) => hasChain(r, 'nat', 'FLANNEL-POSTRTG')) ?? rulesetsOf(view, family)[0];
  const tool = toolOf(ruleset, family);
  const nat = [tool, '-t', 'nat'];
  const chain = ruleset !== undefined && hasChain(ruleset, 'nat', 'FLANNEL-POSTRTG');
  const whole =
    ruleset !== undefined && chain && flannelRules(ruleset).some((r) => r.chain === 'FLANNEL-POSTRTG' && r.target?.name === 'MASQUERADE');
  const jump = ruleset !== undefined && hasJump(ruleset, 'nat', 'POSTROUTING', 'FLANNEL-POSTRTG');
  const networks = networksOf(view, family);
  if (networks.length === 0) return [];
  return [
    ...(chain ? [] : [[...nat, '-N', 'FLANNEL-POSTRTG']]),
    // A chain that has its masquerade already only lacks the way in.
    ...(whole && !jump
      ? []
      : [
          [...nat, '-F', 'FLANNEL-POSTRTG'],
          ...rules(networks, subnet, family).map((words) => [...nat, '-A', 'FLANNEL-POSTRTG', ...words]),
        ]),
    ...(jump ? [] : [[...nat, '-A', 'POSTROUTING', ...note, '-j', 'FLANNEL-POSTRTG']]),
  ].map((words) => step(name, words));
}

function rules(networks: readonly Prefix[], subnet: Prefix, family: 4 | 6): readonly (readonly string[])[] {
  const multicast = family === 4 ? '224.0.0.0/4' : 'ff00::/8';
  const returns = networks.flatMap((n) => [
    ['-s', subnet, '-d', n, ...note, '-j', 'RETURN'],
    ['-s', n, '-d', subnet, ...note, '-j', 'RETURN'],
    ['!', '-s', n, '-d', subnet, ...note, '-j', 'RETURN'],
  ]);
  const masquerades = networks.flatMap((n) => [
    ['-s', n, '!', '-d', multicast, ...note, '-j', 'MASQUERADE', '--random-fully'],
    ['!', '-s', n, '-d', n, ...note, '-j', 'MASQUERADE', '--random-fully'],
  ]);
  return [['-m', 'mark', '--mark', '0x4000/0x4000', ...note, '-j', 'RETURN'], ...returns, ...masquerades];
}
