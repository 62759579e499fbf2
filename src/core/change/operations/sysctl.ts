import type {NodeState} from '../../node/state.js';
import type {SysctlOperation} from '../operation.js';
import type {Kind} from './kind.js';
import {quoted} from './kind.js';

/** What the kernel sets for every device when one of these is written (inet_forward_change, addrconf_fixup_forwarding). */
const spreads: {readonly [key: string]: RegExp} = {
  'net/ipv4/ip_forward': /^net\/ipv4\/conf\/[^/]+\/forwarding$/,
  'net/ipv4/conf/all/forwarding': /^net\/ipv4\/conf\/[^/]+\/forwarding$/,
  'net/ipv6/conf/all/forwarding': /^net\/ipv6\/conf\/[^/]+\/forwarding$/,
};
const twins: {readonly [key: string]: string} = {
  'net/ipv4/ip_forward': 'net/ipv4/conf/all/forwarding',
  'net/ipv4/conf/all/forwarding': 'net/ipv4/ip_forward',
};

/** As somebody would type it, where `echo` and the shell take the words for what they are. */
const plain = (text: string): boolean => /^[\w./:][\w./:@+-]*$/.test(text);
const write = (value: string, file: string): string =>
  plain(value) && plain(file) ? `echo ${value} > ${file}` : `printf '%s\\n' ${quoted(value)} > ${quoted(file)}`;

/** Keys that change with this one. */
export const followers = (state: NodeState, key: string): readonly string[] => {
  const pattern = spreads[key];
  if (pattern === undefined) return [];
  const twin = twins[key];
  return [...(state.sysctl?.keys() ?? [])].filter((other) => other !== key && (pattern.test(other) || other === twin));
};

export const sysctl: Kind<SysctlOperation> = {
  // One write: the kernel takes the value of each.
  words: ({key, to}) => [{tool: 'sh', text: write(to, `/proc/sys/${key}`)}],
  inverse: ({key, to, before}) => (before === undefined ? [] : [{on: 'sysctl', do: 'replace', key, to: before, before: to}]),
  expects({key, before}, state) {
    if (!/^[\w./:@+-]+$/.test(key) || key.split('/').includes('..')) return `${JSON.stringify(key)} is no kernel setting`;
    if (before === undefined) return undefined;
    if (state.sysctl === undefined) return 'the kernel settings were not read';
    const now = state.sysctl.get(key);
    return now === before ? undefined : `${key} is ${now ?? 'not there'}, was ${before}`;
  },
  effect({key, to}, state) {
    if (state.sysctl === undefined) return state;
    const changed = new Map(state.sysctl);
    changed.set(key, to);
    if (state.sysctl.get(key) !== to) for (const other of followers(state, key)) changed.set(other, to);
    return {...state, sysctl: changed};
  },
  took({key, to}, state) {
    if (state.sysctl === undefined) return 'the kernel settings were not read';
    const now = state.sysctl.get(key);
    return now === to ? undefined : `${key} is ${now ?? 'not there'}, should be ${to}`;
  },
  irreversible: () => undefined,
  show: ({key, to, before}) => `set ${key} = ${to}${before === undefined || before === to ? '' : ` (was: ${before})`}`,
};
