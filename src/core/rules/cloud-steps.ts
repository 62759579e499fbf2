import type {CloudWords, Machine} from '../cloud/commands.js';
import {shell} from '../kernel/commands.js';
import type {Cluster, Member} from '../model/cluster.js';
import {addressOf} from './cloud-rows.js';
import type {Step} from './rule.js';

/** Commands of the cloud's own tool, to be run by a person who is logged in there; flanctl never runs them. */
export const inCloud = (commands: readonly (CloudWords | undefined)[]): {readonly steps?: readonly Step[]} => {
  const steps = commands.flatMap((words) => (words === undefined ? [] : [{node: 'the cloud', run: shell(words)}]));
  return steps.length === 0 ? {} : {steps};
};

/** A node as its cloud names it. */
export function machineOf({cloud}: Cluster, member: Member): Machine {
  const address = addressOf(member);
  const eni = cloud?.enis?.find((e) => e.node === member.name && e.addresses.some((a) => a.address === address));
  const providerID = member.record?.providerID ?? '';
  const gce = /^gce:\/\/[^/]*\/([^/]+)\/([^/]+)$/.exec(providerID);
  const last = providerID.split('/').at(-1) ?? '';
  const instanceId = eni?.instanceId ?? (gce ? `zones/${gce[1]}/instances/${gce[2]}` : last === '' ? undefined : last.split('.').at(-1));
  return {
    ...(address !== undefined && {address}),
    ...(instanceId !== undefined && {instanceId}),
    ...(eni && {eniId: eni.id}),
  };
}
