import type {NodeState} from '../../node/state.js';
import type {Operation, SysctlOperation} from '../operation.js';

const LOOSE = '2';
const keyOf = (dev: string): string => `net/ipv4/conf/${dev}/rp_filter`;
const value = (state: NodeState, dev: string): string | undefined => state.sysctl?.get(keyOf(dev));

/** The kernel takes the larger of `all` and the device's own; 1 is strict, 2 loose. */
const strict = (state: NodeState, own: string | undefined): boolean => Math.max(Number(value(state, 'all') ?? 0), Number(own ?? 0)) === 1;

/** Devices that are there and drop what does not come in by the way back. */
export const loosen = (state: NodeState, devices: readonly string[]): readonly SysctlOperation[] =>
  devices.flatMap((dev) => {
    const before = value(state, dev);
    return before !== undefined && strict(state, before) ? [{on: 'sysctl', do: 'replace', key: keyOf(dev), to: LOOSE, before}] : [];
  });

/** The same for a device that is to be made: it is born with the value of `default`. */
export const loosenNew = (state: NodeState, dev: string): readonly SysctlOperation[] =>
  strict(state, value(state, 'default')) ? [{on: 'sysctl', do: 'replace', key: keyOf(dev), to: LOOSE, before: undefined}] : [];

/** Back to what was; for a new device, to what it would have been born with. */
export const restored = (state: NodeState, loosened: readonly Operation[]): readonly SysctlOperation[] =>
  loosened.flatMap((op) => {
    if (op.on !== 'sysctl' || op.to !== LOOSE) return [];
    return [{on: 'sysctl', do: 'replace', key: op.key, to: op.before ?? value(state, 'default') ?? '0', before: LOOSE}];
  });

/** The device that a key of this kind is about. */
export const deviceOf = (key: string): string | undefined => /^net\/ipv4\/conf\/(.+)\/rp_filter$/.exec(key)?.[1];
