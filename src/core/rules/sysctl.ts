import type {NodeView} from '../model/view.js';
import type {Evidence} from './rule.js';

/** Evidence from kernel settings, by their paths below /proc/sys. */
export const sysctlEvidence = ({name, state}: NodeView, ...keys: readonly string[]): Evidence => ({
  node: name,
  command: state.commands['sysctl'] ?? 'sysctl -a',
  lines: keys.map((key) => `${key} = ${state.sysctl?.get(key) ?? '(no such setting)'}`),
});

/** A setting as a number; undefined when it is not there or is none. */
export function sysctlNumber({state}: NodeView, key: string): number | undefined {
  const value = state.sysctl?.get(key);
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
