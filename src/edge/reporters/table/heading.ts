import {modeOf} from '../../../core/modes/index.js';
import type {Settings} from '../../../core/modes/mode.js';
import {oneLine} from '../../ui/escape.js';
import type {Theme} from '../../ui/theme.js';
import type {ClusterSummary} from '../documents.js';

/** One line on what was looked at and how that is known. */
export function heading(cluster: ClusterSummary, paint: Theme): string {
  const read = cluster.nodes.filter((n) => n.state === 'read').length;
  const settings = cluster.settings;
  const parts = [
    `${read === cluster.nodes.length ? read : `${read} of ${cluster.nodes.length}`} ${cluster.nodes.length === 1 ? 'node' : 'nodes'}`,
    cluster.mode === null
      ? 'mode not recognised'
      : `${cluster.mode}${settings?.['directRouting'] ? ' + DirectRouting' : ''}${detail(cluster.mode, settings)}`,
    ...(cluster.networks.length > 0 ? [cluster.networks.join(' + ')] : []),
  ];
  const known =
    cluster.configuredBy === 'net-conf'
      ? `configuration from ${oneLine(cluster.configuredFrom ?? 'net-conf')}`
      : 'configuration derived from the nodes';
  const lines = [`${paint.strong(oneLine(cluster.from))}  ${oneLine(parts.join(' · '))}  ${paint.dim(known)}`];
  for (const problem of cluster.problems) lines.push(`${paint.warning('▲')} ${oneLine(problem)}`);
  return lines.join('\n');
}

/** ` (VNI 1, UDP 8472)`: what the mode's name for its settings has beyond its type. A document holds them as the mode gave them. */
const detail = (type: string, settings: ClusterSummary['settings']): string =>
  (settings &&
    modeOf(type)
      ?.named(settings as unknown as Settings)
      .slice(type.length)) ??
  '';
