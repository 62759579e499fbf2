import type {Operator} from '../../base-command.js';
import {countYes} from '../ui/confirm.js';

/** What the operator says of any change, whichever command it comes from. */
export interface ChangeOptions extends Omit<Operator, 'argv'> {
  /** How often yes was said on the command line: each answers one question. */
  readonly yes: number;
  /** End first whatever holds the nodes. */
  readonly forceUnlock: boolean;
  /** Nodes on which the operator takes what cannot be taken back. */
  readonly accepted: readonly string[];
  /** Seconds without a word from here after which a node undoes its part. */
  readonly ttl: number;
  /** Seconds between two echoes of a pair of nodes, for the ledger; 0: none. */
  readonly probeInterval: number;
}

interface Flags {
  readonly yes: boolean;
  readonly 'force-unlock': boolean;
  readonly 'accept-irreversible'?: readonly string[] | undefined;
  readonly ttl: number;
  readonly 'probe-interval': string;
}

/** The flags of a change, with the command that they were given to. */
export const changeOptions = (flags: Flags, {argv, ...operator}: Operator): ChangeOptions => ({
  yes: countYes(argv, flags.yes),
  forceUnlock: flags['force-unlock'],
  accepted: flags['accept-irreversible'] ?? [],
  ttl: flags.ttl,
  probeInterval: Number(flags['probe-interval']),
  ...operator,
});
