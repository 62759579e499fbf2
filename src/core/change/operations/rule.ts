import {type Rule, rule as table} from '../../kernel/rule.js';
import {lengthOf} from '../../net/prefix.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

/** A batch of `ip` has one family, IPv4's. */
const ip = (row: Rule, text: string): Line => (row.family === 6 ? {tool: 'sh', text: `ip -6 ${text}`} : {tool: 'ip', text});

const host = (prefix: string): string => {
  const width = prefix.includes(':') ? 128 : 32;
  return lengthOf(prefix) === width ? prefix.slice(0, prefix.indexOf('/')) : prefix;
};
const hex = (n: number): string => `0x${n.toString(16)}`;

/** What of a rule flanctl can write: a selector by addresses, marks and devices, and the table to look into. */
const words = ({src, dst, fwmark, fwmask, iif, oif, table: to, priority}: Rule): string =>
  [
    `from ${src === undefined ? 'all' : host(src)}`,
    ...(dst === undefined ? [] : [`to ${host(dst)}`]),
    ...(fwmark === undefined ? [] : [`fwmark ${hex(fwmark)}${fwmask === undefined ? '' : `/${hex(fwmask)}`}`]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    `lookup ${to ?? 'main'}`,
    `pref ${priority}`,
  ].join(' ');

const more = (row: Rule): boolean =>
  row.action !== 'lookup' ||
  row.table === undefined ||
  row.not === true ||
  row.l3mdev === true ||
  row.extra !== undefined ||
  [row.tos, row.ipproto, row.sport, row.dport, row.uidrange, row.goto, row.suppress_prefixlength, row.suppress_ifgroup].some(
    (part) => part !== undefined,
  );

const refusal = (row: Rule): string | undefined =>
  more(row) ? `flanctl does not write rules like "${table.show(row).replace('\t', ' ')}"` : undefined;

/** Policy rules. The kernel keeps several of one number, and of one whole rule only one: what is there is told apart by all of it. */
export const rule = rowKind('rule', {
  name: 'rule',
  is: (a, b) => table.key(a) === table.key(b),
  equal: (a, b) => table.key(a) === table.key(b),
  show: (row) => table.show(row).replace('\t', ' '),
  dev: (row) => row.iif ?? row.oif,
  put: (row, before) => [ip(row, `rule add ${words(row)}`), ...(before === undefined ? [] : [ip(before, `rule del ${words(before)}`)])],
  // Each word of it, so that no other rule of the number is taken.
  drop: (row) => [ip(row, `rule del ${words(row)}`)],
  refuses: refusal,
  irreversible: refusal,
});
