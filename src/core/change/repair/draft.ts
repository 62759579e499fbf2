import type {NodeState} from '../../node/state.js';
import type {Operation} from '../operation.js';
import {effectOf, expectsOf} from '../operations/index.js';

/** Something that was seen and is not touched. */
export interface Left {
  readonly node: string;
  readonly what: string;
  readonly why: string;
}

/** Operations of one node as they are thought of, and the state that each finds: what one changes is no surprise to the next. */
export class Draft {
  readonly node: string;
  state: NodeState;
  readonly operations: Operation[] = [];
  readonly left: Left[] = [];

  constructor(state: NodeState) {
    this.node = state.name;
    this.state = state;
  }

  /** Takes an operation in, or leaves it with the reason why it does not fit. */
  add(operation: Operation, what: string): void {
    const why = expectsOf(operation, this.state);
    if (why !== undefined) {
      this.leave(what, why);
      return;
    }
    this.operations.push(operation);
    this.state = effectOf(operation, this.state);
  }

  /** Can rows be written on this device? One that is not up loses them; why it is not was said once. */
  ready(dev: string | undefined): boolean {
    return dev !== undefined && (this.state.tables.link ?? []).some((l) => l.ifname === dev && l.flags.includes('UP'));
  }

  leave(what: string, why: string): void {
    this.left.push({node: this.node, what, why});
  }
}
