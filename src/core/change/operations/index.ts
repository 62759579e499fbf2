import type {NodeState} from '../../node/state.js';
import type {Operation, OperationKind} from '../operation.js';
import {address} from './address.js';
import {fdb} from './fdb.js';
import {file} from './file.js';
import type {Kind, Line} from './kind.js';
import {kube} from './kube.js';
import {link} from './link.js';
import {neigh} from './neigh.js';
import {podLink} from './pod-link.js';
import {podNeigh} from './pod-neigh.js';
import {podRoute} from './pod-route.js';
import {route} from './route.js';
import {rule} from './rule.js';
import {sysctl} from './sysctl.js';
import {wg} from './wg.js';
import {xfrm} from './xfrm.js';

/** Every kind of operation. A new one is one file beside this one and one line here. */
export const operationKinds = {
  link,
  address,
  route,
  neigh,
  fdb,
  wg,
  xfrm,
  rule,
  sysctl,
  file,
  'pod-link': podLink,
  'pod-neigh': podNeigh,
  'pod-route': podRoute,
  kube,
};

const kindOf = (op: Operation): Kind<Operation> => (operationKinds as unknown as {readonly [K in OperationKind]: Kind<Operation>})[op.on];

/** The operation as lines for `ip -batch`, `bridge -batch` or sh, in order. */
export const wordsOf = (op: Operation): readonly Line[] => kindOf(op).words(op);

/** Operations that bring back the state before, in order; empty where there is nothing to do (a setting that goes with its device). */
export const inverseOf = (op: Operation): readonly Operation[] => kindOf(op).inverse(op);

/** Lines that bring back the state before from whatever point of the operation; single lines may fail where there is nothing to undo. */
export const undoOf = (op: Operation): readonly Line[] => kindOf(op).undo?.(op) ?? inverseOf(op).flatMap(wordsOf);

/** What of the node's state is not as the plan saw it; undefined when the operation may run. */
export const expectsOf = (op: Operation, state: NodeState): string | undefined => kindOf(op).expects(op, state);

/** The node's state after the operation. */
export const effectOf = (op: Operation, state: NodeState): NodeState => kindOf(op).effect(op, state);

/** What is not as wanted, looked at after the operation ran; undefined when it took. */
export const tookOf = (op: Operation, state: NodeState): string | undefined => kindOf(op).took(op, state);

/** Why its inverse cannot bring back all there was; undefined when it can. */
export const irreversible = (op: Operation): string | undefined => kindOf(op).irreversible(op);

export const showOperation = (op: Operation): string => kindOf(op).show(op);
