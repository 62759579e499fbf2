import type {Plan, Target} from '../../core/change/plan.js';
import type {Cluster} from '../../core/model/cluster.js';
import type {GateResult} from './gate.js';
import type {Runner} from './mesh.js';
import {encrypts, handshakes, inClear} from './preflight/encrypted.js';
import type {ChangeStage} from './stages.js';

/** What the gates of a change to WireGuard ask beside all others, and when: kept with the change, for whoever goes on with it. */
export interface Encrypting {
  readonly from?: Target;
  readonly to: Target;
  /** The stage after which every flanneld has started: each pair has had a handshake then, or no route moves. */
  readonly made: number;
  /** The last stage that moves a route: nothing goes in clear after it, nor at the end. */
  readonly flipped: number;
}

/** @param stages as they run. @param control how many of them the controller gave, which stand where flanneld makes the new path. */
export function encryptingOf(plan: Plan, stages: readonly ChangeStage[], control: number): Encrypting | undefined {
  if (!encrypts(plan)) return undefined;
  return {
    ...(plan.from && {from: plan.from}),
    to: plan.to,
    made: plan.stages.findIndex((s) => s.by === 'flanneld') + control - 1,
    flipped: stages.findLastIndex((s) => s.phase === 'flip'),
  };
}

export interface EncryptedContext {
  readonly cluster: Cluster;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly stages: number;
  readonly looks?: number;
  /** Has all pairs send. The signal is the gate's: ^C is looked at between stages, and must not break a gate off whose change is then undone. */
  readonly send: (signal: AbortSignal) => Promise<unknown>;
}

const open: GateResult = {ok: true, because: []};

/** Of a gate that is open else. */
export function encryptedGate({from, to, made, flipped}: Encrypting, stage: number, context: EncryptedContext): Promise<GateResult> {
  const migrating = {plan: {to, ...(from && {from})}, ...context, signal: new AbortController().signal};
  if (stage === made) return handshakes(migrating);
  return stage === flipped || stage === context.stages - 1
    ? inClear(migrating, () => context.send(migrating.signal))
    : Promise.resolve(open);
}

/**
 * What a change that is resumed asks before its next stage, since the gate that should have asked may never have been reached.
 * @param done is the whole stage?
 */
export function encryptedSoFar(encrypting: Encrypting, done: (stage: number) => boolean, context: EncryptedContext): Promise<GateResult> {
  const last = context.stages - 1;
  if (done(last)) return encryptedGate(encrypting, last, context);
  return done(encrypting.made) && !done(encrypting.flipped) ? encryptedGate(encrypting, encrypting.made, context) : Promise.resolve(open);
}
