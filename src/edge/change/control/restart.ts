import {quoted} from '../../../core/change/operations/kind.js';
import type {Batch} from '../agent.js';

/** Seconds until a restarted flanneld has to have its lease. */
const UP_IN = 15;

export const sh = (...lines: string[]): Batch => ({tool: 'sh', lines});

/** A condition of sh, and what is said where it does not hold. */
export interface Test {
  readonly test: string;
  readonly else: string;
}

export interface RestartOptions {
  /** What must hold, or nothing is restarted, and the step has failed. */
  readonly when?: Test | undefined;
  /** What must hold afterwards. */
  readonly after?: Test | undefined;
}

/**
 * Restarts a unit and waits until it runs and its flannel has written subnet.env anew, which it does when it has read its configuration and
 * has its lease (flannel-backends.md §1.1). One line, as steps are.
 */
export function restart(unit: string, subnetFile: string, {when, after}: RestartOptions = {}): string {
  const file = quoted(subnetFile);
  const look = `stat -c '%i %y' ${file} 2>&1`;
  const late = quoted(`${unit} was restarted and has not written ${subnetFile} in ${UP_IN} s`);
  const must = (test: Test): string => `{ ${test.test} || { echo ${quoted(test.else)} >&2; exit 1; }; }`;
  return [
    ...(when ? [must(when)] : []),
    `was=$(${look})`,
    `systemctl restart ${unit} || exit 1`,
    'n=0',
    `until systemctl is-active --quiet ${unit} && [ "$(${look})" != "$was" ]; do n=$((n + 1)); [ $n -lt ${UP_IN * 2} ] || { echo ${late} >&2; exit 1; }; sleep 0.5 2>/dev/null || sleep 1; done`,
    ...(after ? [must(after)] : []),
  ].join('; ');
}
