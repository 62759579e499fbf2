import type {NodeView} from '../../model/view.js';
import {modeOf} from '../../modes/index.js';
import type {Operation} from '../operation.js';
import type {Plan} from '../plan.js';
import {simulate} from '../simulate.js';
import {build} from './build.js';
import {devicesGone, strays} from './cleanup.js';
import {filesChanged} from './files.js';
import {flip, uncover} from './flip.js';
import type {MigrationOptions} from './options.js';
import type {PodMtu} from './pod-mtu.js';
import {policyWork} from './policies.js';
import {deviceOf, loosen, restored} from './rp-filter.js';

/** One node's part of a migration, before it is laid out in stages. */
export interface NodeParts {
  readonly node: string;
  readonly loosen: readonly Operation[];
  /** What flanneld makes of the new path when it is restarted; the rest of it is `build`. */
  readonly made: readonly Operation[];
  readonly build: readonly Operation[];
  readonly shrink: readonly Operation[];
  readonly flip: readonly Operation[];
  readonly control: readonly Operation[];
  readonly grow: readonly Operation[];
  readonly cleanup: readonly Operation[];
  readonly restore: readonly Operation[];
  readonly left: Plan['left'];
}

export interface Ways {
  readonly target: Plan['to'];
  /** Tunnel devices of the old mode that the target has not, and those of the target. */
  readonly old: readonly string[];
  readonly own: readonly string[];
  /** Those of both that flanneld itself makes and takes away. */
  readonly theirs: readonly string[];
  /** `FLANNEL_MTU` at the target, on this node; bytes. */
  readonly mtu: number;
  readonly pods: {readonly shrink: readonly PodMtu[]; readonly grow: readonly PodMtu[]};
}

/** @param now the node as it is. @param to the same with what the target asks of it. */
export function nodeParts(now: NodeView, to: NodeView, {target, old, own, theirs, mtu, pods}: Ways, options: MigrationOptions): NodeParts {
  const {name: node, state, member} = now;
  const policies = policyWork(now);
  const whole = modeOf(target.type)?.devicesBy === 'start';
  const fresh = [...build(to), ...(whole ? flip(to) : [])];
  const made = whole ? fresh.filter((op) => op.on !== 'sysctl') : [];
  const built = [...fresh.filter((op) => !whole || op.on === 'sysctl'), ...policies.build];
  const flipped = [...(whole ? uncover(now) : flip(to)), ...policies.flip];
  const loosened = made.length + built.length + flipped.length > 0 ? loosen(state, [member.uplink!.name, ...old, ...own]) : [];
  const held = (step: 'device' | 'strict') => options.held?.find((h) => h.node === node && h.step === step);
  const [device, strict] = [held('device'), held('strict')];
  const gone = devicesGone(
    simulate(state, [...loosened, ...made, ...built, ...flipped]),
    old.filter((dev) => !theirs.includes(dev)),
  );
  const back = restored(state, [...loosened, ...built]).filter((op) => device !== undefined || !old.includes(deviceOf(op.key) ?? ''));
  const set = options.podMtu !== 'keep';
  return {
    node,
    loosen: loosened,
    made,
    build: built,
    shrink: set ? pods.shrink.flatMap((p) => p.operations) : [],
    flip: flipped,
    control: options.control === 'none' ? filesChanged(options.files?.get(node) ?? [], target, mtu) : [],
    grow: set ? pods.grow.flatMap((p) => p.operations) : [],
    cleanup: [...strays(to), ...policies.cleanup, ...(device ? [] : gone)],
    restore: strict ? [] : back,
    left: [
      ...(device
        ? gone.map((op) => ({node, what: `deleting ${op.row.ifname}`, why: `${device.why}; when they are closed: flanctl apply --prune`}))
        : []),
      ...(strict
        ? back.map(({key, to: value}) => ({
            node,
            what: `${key} back to ${value}`,
            why: `${strict.why}; when they are closed: sysctl -w ${key}=${value}`,
          }))
        : []),
      ...(set ? [] : [...pods.shrink, ...pods.grow]).map((p) => ({
        node,
        what: `the MTU ${p.mtu} of pod ${p.pod}`,
        why: `it was asked to be kept; new pods get ${p.to}`,
      })),
    ],
  };
}
