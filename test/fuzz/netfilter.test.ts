import {randomInt} from 'node:crypto';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Family} from '../../src/core/net/address.js';
import {compare, iptablesKind, type Kind, loadable, nftKind, nothing, question, shrink} from '../netfilter/campaign.js';
import {type Dice, dice} from '../netfilter/dice.js';
import {iptablesRuleset} from '../netfilter/iptables-rules.js';
import {nftRuleset} from '../netfilter/nft-rules.js';
import {stretch, type Wire} from '../netfilter/wire.js';

/**
 * Random rules on a real router, real packets from both sides and from itself, and answers to those that arrive. What came out, where, and with
 * which addresses must be what the rules were read to say. Seeds are printed; a failing one is cut down to the rules it takes.
 * FLANCTL_TEST_LONG=1 goes on ten times as long, from anywhere; FLANCTL_SEED says from where.
 */
const long = process.env['FLANCTL_TEST_LONG'] ? 10 : 1;
const start = Number(process.env['FLANCTL_SEED'] ?? (long > 1 ? randomInt(1_000_000) : 1));
const packetsEach = 32;
const rulesets = 72 * long;

let wire: Wire;
beforeAll(() => {
  wire = stretch(`nz${process.pid % 100_000}`);
});
afterAll(() => wire?.close());

async function campaign(name: string, kindOf: (seed: number) => {kind: Kind; make: (d: Dice) => string; families: readonly Family[]}) {
  const total = nothing();
  const failures: string[] = [];
  for (let seed = start; seed < start + rulesets && failures.length < 3; seed++) {
    const d = dice(seed);
    const {kind, make, families} = kindOf(seed);
    const rules = loadable(kind, make(d));
    const firstPort = d.int(1025, 65_000);
    const questions = Array.from({length: packetsEach}, (_, i) => question(d, d.pick(families), firstPort + i));
    const tally = await compare(wire, kind.read(), questions, 0.02);
    for (const key of ['packets', 'replies', 'accept', 'drop', 'reject', 'translated', 'unknown'] as const) total[key] += tally[key];
    total.unsure.push(...tally.unsure);
    // Once more, alone and with patience: a packet that came late is not a rule read wrong.
    for (const mismatch of tally.mismatches) {
      const least = await shrink(wire, kind, rules, mismatch);
      if (!least) continue;
      failures.push(`seed ${seed}\n${least.rules}\n${JSON.stringify(least.mismatch, null, 1)}`);
      break;
    }
  }
  process.stdout.write(
    `${name}: seeds ${start}…${start + rulesets - 1}, ${total.packets} packets, ${total.replies} answers, ${total.accept} accepted, ${total.drop} dropped, ${total.reject} rejected, ${total.translated} translated, ${total.unknown} unknown\n`,
  );
  expect(failures.join('\n\n')).toBe('');
  expect(total.packets).toBeGreaterThanOrEqual(2000);
  expect(total.unsure).toEqual([]);
  expect(total.unknown).toBe(0);
  // A campaign in which everything passes, or nothing does, compares nothing.
  for (const fate of ['accept', 'drop', 'reject', 'translated', 'replies'] as const) expect(total[fate]).toBeGreaterThan(100);
}

describe('what the rules are read to say is what packets meet', {timeout: 120_000 * long}, () => {
  it('iptables and ip6tables, of both flavours', () => {
    let before: Kind | undefined;
    return campaign('iptables', (seed) => {
      const family = seed % 2 === 0 ? 4 : 6;
      // Runs of one flavour, for what the other has loaded must go first.
      const kind = iptablesKind(wire, family, seed % 32 < 10 ? 'legacy' : 'nft');
      before?.load('');
      before = kind;
      return {kind, make: (d) => iptablesRuleset(d, family), families: [family]};
    });
  });
  it('nft', () => {
    for (const flavour of ['nft', 'legacy'] as const) for (const f of [4, 6] as const) iptablesKind(wire, f, flavour).load('');
    return campaign('nft', () => ({kind: nftKind(wire), make: nftRuleset, families: [4, 6]}));
  });
});
