import {setTimeout as sleep} from 'node:timers/promises';
import {leaseOf} from '../../../core/flannel/lease.js';
import {oneLine} from '../../ui/escape.js';
import type {Migrating} from '../migrating.js';
import {ask} from './ask.js';
import type {Findings} from './findings.js';

/** Seconds that each node listens, and milliseconds after which the others send; what arrives of twenty is enough at fifteen. */
const HEAR_S = 5;
const SEND_AFTER_MS = 2000;
const ENOUGH = 15;

/**
 * Does the underlay carry IP protocol 4? Many clouds and firewalls let TCP, UDP and ICMP pass and nothing else. Every node sends some to every
 * other one, which counts them on a raw socket. Where it could not be tried that is said, and the first wave is the first to tell.
 */
export async function protocolOpen({cluster, runners, signal}: Migrating): Promise<Findings> {
  const ends = cluster.members.flatMap(({name, lease}) => {
    const own = lease && leaseOf(lease, 4);
    return own ? [{name, address: own.publicIP}] : [];
  });
  const sending = sleep(SEND_AFTER_MS, undefined, {signal}).then(() =>
    Promise.all(
      ends.map(async ({name, address}) => {
        const targets = ends.filter((e) => e.name !== name).map((e) => e.address);
        const said = await ask(runners.get(name), ['ipip', address, ...targets], signal);
        return [name, 'why' in said ? said.why : said.lines[0]] as const;
      }),
    ),
  );
  const [heard, sent] = await Promise.all([
    Promise.all(ends.map(async ({name}) => [name, await ask(runners.get(name), ['hear', String(HEAR_S)], signal)] as const)),
    sending,
  ]);
  const trouble = new Map(sent);
  const refused: string[] = [];
  const untried: string[] = [];
  for (const [to, said] of heard) {
    const deaf = 'why' in said ? said.why : said.lines.includes('end') ? undefined : (said.lines.at(-1) ?? 'it said nothing');
    for (const from of ends.filter((e) => e.name !== to)) {
      const mute = trouble.get(from.name);
      const why = deaf === undefined ? mute && `${from.name}: ${mute}` : `${to}: ${deaf}`;
      const line = 'lines' in said ? said.lines.find((l) => l.startsWith(`from ${from.address} `)) : undefined;
      const count = Number(line?.split(' ')[2] ?? 0);
      if (why !== undefined) untried.push(`${from.name} → ${to} (${oneLine(why)})`);
      else if (count < ENOUGH)
        refused.push(`${from.name} → ${to}: of 20 packets of IP protocol 4 ${count} arrived: the underlay does not carry ipip`);
    }
  }
  const more = untried.length > 1 ? ` and ${untried.length - 1} more pairs` : '';
  return {
    refused,
    warnings:
      untried.length === 0
        ? []
        : [`whether the underlay carries IP protocol 4 could not be tried for ${untried[0]}${more}: the first wave is the first to tell`],
    untried: [],
  };
}
