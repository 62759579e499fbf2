import type {Target} from '../../core/change/plan.js';
import type {Cluster} from '../../core/model/cluster.js';
import {modeOf} from '../../core/modes/index.js';
import {Failure} from '../../failure.js';

export interface TargetWish {
  readonly type: string;
  readonly directRouting: boolean;
  readonly vni?: number | undefined;
  readonly port?: number | undefined;
}

/**
 * What is asked for, on top of what runs: a tunnel keeps its number and port unless others are named, and learning, GBP and MTU are as
 * net-conf.json has them.
 * @throws Failure when the wish contradicts itself.
 */
export function targetOf({type, directRouting, vni, port}: TargetWish, {mode, settings}: Cluster): Target {
  const wanted = modeOf(type);
  if (!wanted) throw new Failure(`--to ${type}: flanctl cannot migrate to that backend`, {hints: ['vxlan, host-gw, ipip or wireguard']});
  const takes = wanted.takes ?? [];
  if (!takes.includes('vni') && (vni !== undefined || port !== undefined))
    throw new Failure(`--vni and --vxlan-port are settings of vxlan, not of ${type}`);
  if (!takes.includes('directRouting') && directRouting)
    throw new Failure(`--direct-routing is a setting of vxlan and ipip, not of ${type}`);
  const base = mode?.type === type && settings ? settings : wanted.settings({});
  return {
    type,
    settings: {
      ...base,
      ...(takes.includes('directRouting') && {directRouting}),
      ...(vni !== undefined && {vni}),
      ...(port !== undefined && {port}),
    },
  };
}
