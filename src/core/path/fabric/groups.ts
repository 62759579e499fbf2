import {holderOf} from '../../cloud/choose.js';
import type {Cloud, CloudEni} from '../../cloud/cloud.js';
import {admission, shownRule} from '../../cloud/groups.js';
import type {InFlight} from '../packet.js';
import {doubt, type End, ended, type Trip} from '../trip.js';
import type {Lead} from './lead.js';

/** The interface of the cloud's own list that such a packet comes to. */
function receiverOf(cloud: Cloud, lead: Exclude<Lead, {to: 'nowhere'}>): CloudEni | undefined {
  const ip = lead.to === 'node' ? (lead.ip ?? lead.owner?.at) : undefined;
  return lead.eni ?? (ip === undefined ? undefined : holderOf(cloud, ip));
}

/** What nobody has looked at where an interface has security groups and the cloud's groups were not given. */
export function notGiven(cloud: Cloud | undefined, lead: Lead, packet: InFlight): readonly string[] {
  if (cloud === undefined || cloud.groups !== undefined || lead.to === 'nowhere' || packet.reply) return [];
  const eni = receiverOf(cloud, lead);
  if (!eni?.groups?.length) return [];
  return [`a security group of ${eni.id} that does not let it in: they were not given (--cloud-groups)`];
}

/**
 * Do the security groups of the interface that it comes to drop it? Only where the cloud's groups were given; answers to what the interface
 * itself has sent are let in. What senders may send is not judged: groups let out everything unless somebody says otherwise.
 */
export function deniedAt(trip: Trip, lead: Exclude<Lead, {to: 'nowhere'}>, packet: InFlight): End | undefined {
  const {cloud} = trip.world.cluster;
  if (cloud?.groups === undefined || packet.reply) return undefined;
  const eni = receiverOf(cloud, lead);
  if (eni === undefined) return undefined;
  const {src, dport, family} = packet;
  const proto = packet.proto === 'icmp' && family === 6 ? 'icmpv6' : packet.proto;
  const found = admission(cloud, eni, {src, proto, ...(dport !== undefined && {ports: [dport, dport] as const})});
  if (found === undefined || found.verdict === 'accepted') return undefined;
  if (found.verdict === 'unknown') {
    doubt(trip, `whether the security groups of ${eni.id} let in ${src}: ${found.because}`);
    return undefined;
  }
  const row = found.rule === undefined ? `nothing in it is about ${src}` : shownRule(found.rule);
  return ended(trip, 'underlay', 'fabric', 'filtered', `the security group ${found.group.id} of ${eni.id} drops it: ${row}`, {
    certainty: 'declared',
    about: eni.id,
    evidence: [
      {node: 'underlay', command: cloud.sources.groups?.from ?? 'security groups of the cloud', lines: [`${found.group.id}: ${row}`]},
    ],
  });
}
