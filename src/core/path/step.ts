import type {Disposition} from './disposition.js';
import type {Crossing} from './fabric/crossing.js';
import type {Tap} from './tap.js';

/** What a step rests on: `observed` in gathered state, `inferred` from what must be so, `declared` by a mode or a cloud, `unknown`. */
export type Certainty = 'observed' | 'inferred' | 'declared' | 'unknown';

export type StepKind =
  | 'send'
  | 'receive'
  | 'link'
  | 'bridge'
  | 'rule'
  | 'route'
  | 'neighbour'
  | 'fdb'
  | 'peer'
  | 'policy'
  | 'encapsulate'
  | 'decapsulate'
  | 'firewall'
  | 'nat'
  | 'sysctl'
  | 'underlay'
  | 'fabric'
  | 'deliver';

/** One thing that happened to the packet, with the entry that decided it. */
export interface PathStep {
  readonly kind: StepKind;
  /** Node, or `underlay`. */
  readonly node: string;
  /** The namespace on that node when it is a pod's. */
  readonly pod?: string;
  readonly dev?: string;
  /** One line for people. */
  readonly text: string;
  /** The rows or lines that decided it, as the tools print them. */
  readonly evidence: readonly {readonly node: string; readonly command: string; readonly lines: readonly string[]}[];
  readonly certainty: Certainty;
  /** Of what is no node's: what it happened at, as a finding about it has it for its subject (an interface of a cloud). */
  readonly about?: string;
  /** Set on the step at which the packet ended. */
  readonly end?: Disposition;
  /** Where it can be seen on the wire after this. */
  readonly taps?: readonly Tap[];
  /** Of a way through a cloud's network, which nobody can look into: what decided there. */
  readonly crossing?: Crossing;
}

/** One hop of the ladder people see: the steps of one namespace or one piece of wire. */
export interface Hop {
  readonly number: number;
  readonly place: string;
  readonly steps: readonly PathStep[];
}

/** One direction of a trace. */
export interface Walk {
  readonly from: string;
  readonly to: string;
  readonly hops: readonly Hop[];
  readonly verdict:
    | {readonly kind: 'reachable'; readonly certainty: Certainty}
    | {
        readonly kind: 'broken' | 'unknown';
        readonly hop: number;
        readonly disposition: Disposition;
        readonly because: string;
        /** All else being good, it is only not known whether the cloud drops what an interface sends with another's address. */
        readonly hinges?: 'source-check';
      };
  /** The smallest MTU on the way less the overhead of tunnels: the largest IP packet that fits whole, bytes. */
  readonly pathMtu?: number;
}
