import type {Looked, NodeState} from '../../node/state.js';
import type {Operation, OperationKind} from '../operation.js';

/** `ip -batch`, `bridge -batch`, or `sh`. */
export type Tool = 'ip' | 'bridge' | 'sh';

/** One line for one tool: `route replace 10.244.2.0/24 …` for ip, a whole command for sh. */
export interface Line {
  readonly tool: Tool;
  readonly text: string;
}

export type OperationOf<K extends OperationKind> = Extract<Operation, {readonly on: K}>;

/** What is known of one kind of operation. All of it is pure; the node's answer is compared by `took`. */
export interface Kind<O> {
  /** The command, as one or more lines in order. */
  words(op: O): readonly Line[];
  /** Operations that bring back the state before, in order. */
  inverse(op: O): readonly Operation[];
  /** The inverse as lines that may be run from whatever point `words` was cut off at; where absent, the words of `inverse` are that. */
  undo?(op: O): readonly Line[];
  /** What of the state is not as the plan saw it, so that the operation must not run; undefined when all is. */
  expects(op: O, state: NodeState): string | undefined;
  /** The state after it, as the kernel makes it (link-local addresses and what only the clock changes aside). A table that was not read stays unread. */
  effect(op: O, state: NodeState): NodeState;
  /** What is not as wanted after it ran; undefined when it took. */
  took(op: O, state: NodeState): string | undefined;
  /** Why the inverse cannot bring back all there was; undefined when it can. */
  irreversible(op: O): string | undefined;
  /** For people: `replace route 10.244.2.0/24 via 192.168.77.12 dev eth0`. */
  show(op: O): string;
}

/** What goes into a batch is split at blanks, and `#` begins a comment there: names that would not stay one word. */
export const unsafe = (name: string | undefined): string | undefined =>
  name === undefined || /^[\w@%+=:.-]+$/.test(name) ? undefined : `the name ${JSON.stringify(name)} cannot be written in a batch safely`;

/** A word for sh, always quoted: paths and values come from nodes. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

export const isThere = <T>(value: Looked<T>): value is T => value !== undefined && value !== 'none';
