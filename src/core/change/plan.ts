import type {Settings} from '../modes/mode.js';
import type {Cut} from './cuts.js';
import type {Operation} from './operation.js';

/**
 * What a stage is for. Stages run in the order of the plan, each on all its nodes before the next begins; undoing goes the other way.
 * `loosen`: rp_filter for the time being. `build`: what the new path needs, unused so far. `flip`: one wave of atomic route replacements.
 * `swap`: where the new device takes the old one's name, all that puts it there, by way of a third that carries everything meanwhile.
 * `control`: flanneld's own configuration and restart, and the node's files. `cleanup`: what only the old path needed. `restore`: rp_filter back.
 * A node's dead-man timer is armed before its first operation and goes at the commit, after the last `flip`: up to there a node that hears
 * nothing any more goes back by itself; from there on old and new path lead everywhere, and it stays.
 */
export type Phase = 'loosen' | 'build' | 'flip' | 'swap' | 'control' | 'cleanup' | 'restore';

export interface NodeWork {
  readonly node: string;
  /** In the order the kernel must see them. */
  readonly operations: readonly Operation[];
}

export interface Stage {
  readonly phase: Phase;
  /** `flip 2/3: n3, n4`. Unique in the plan. */
  readonly title: string;
  readonly work: readonly NodeWork[];
  /**
   * What flanneld does when it starts with the new configuration: the rows that the proof counts on, and nothing that flanctl runs. The
   * controller's stages stand in its place.
   */
  readonly by?: 'flanneld';
}

export interface Target {
  /** flannel's `Backend.Type`. */
  readonly type: string;
  readonly settings: Settings;
}

/** flanneld's configuration before and after, as net-conf.json holds it; whoever keeps it (etcd, a file, a ConfigMap) is the controller's matter. */
export interface ControlChange {
  /** Which controller keeps it: `systemd`. */
  readonly by: string;
  /** Somebody else writes it (GitOps): it is waited for. */
  readonly wait?: boolean;
  readonly before: unknown;
  readonly after: unknown;
}

/** A change as a value: it can be printed, saved, compared with the nodes again, and run. No clock and no id in here: the same state gives the same plan. */
export interface Plan {
  readonly what: 'apply' | 'migrate';
  readonly from?: Target;
  readonly to: Target;
  readonly stages: readonly Stage[];
  readonly control?: ControlChange;
  /** Devices that flanneld makes when it starts and takes with it when it ends: what is on them comes and goes in no stage of flanctl's. */
  readonly theirs?: readonly string[];
  /** What the operator must know before saying yes: flows that will be reset, MTU that will not fit. One sentence each, in the order of weight. */
  readonly warnings: readonly string[];
  /** Operations whose inverse cannot bring back all there was; refused unless the operator names them. */
  readonly irreversible: readonly {readonly node: string; readonly what: string; readonly why: string}[];
  /** Open connections that a step cuts, or would cut and is held back. */
  readonly cuts?: readonly Cut[];
  /** What was seen and is deliberately not touched, with the reason. */
  readonly left: readonly {readonly node: string; readonly what: string; readonly why: string}[];
}
