import type {NodeSurvey} from '../model/survey.js';
import type {NodeState} from '../node/state.js';
import type {Evidence} from './rule.js';

/** The lines of subnet.env that hold these keys. */
export function envLines(node: string, env: NodeState['subnetEnv'], ...keys: readonly string[]): Evidence {
  if (env === undefined || env === 'none') return {node, command: 'cat /run/flannel/subnet.env', lines: ['(no such file)']};
  return {node, command: env.command, lines: keys.flatMap((key) => env.lines[key] ?? [])};
}

/** The addresses a survey kept, as `ip addr` words. */
export const addressLines = (survey: NodeSurvey, which: (address: NodeSurvey['addresses'][number]) => boolean): Evidence => ({
  node: survey.name,
  command: 'ip addr show',
  lines: survey.addresses
    .filter(which)
    .map((a) => `${a.dev} ${a.family === 4 ? 'inet' : 'inet6'} ${a.address}/${a.prefixlen}${a.dynamic ? ' dynamic' : ''}`),
});
