import type {NodeFailure} from '../../core/node/dump.js';

export interface RunResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  /** The remote exit status; undefined when the command was cut off (connection lost, killed by a signal). */
  readonly code: number | undefined;
}

/** A way to run a script on one node. The script goes over stdin of `sh -s`, so no quoting is ever needed and no file is left behind. */
export interface Transport extends AsyncDisposable {
  readonly node: string;
  /** For people: `ssh root@192.168.77.1:22`, `netns`, `local`, `kube kube-flannel/kube-flannel-ds-abcde`. */
  readonly via: string;
  /** `network`: a pod that shares the node's network, but neither its files nor its processes; absent where everything is the node's. */
  readonly view?: 'network';
  /**
   * Runs `sh -s -- ...args` with `script` on stdin and collects what it prints. Aborting ends the remote command as far as the transport can.
   * @throws TransportError when the node cannot be reached, refuses us, or the signal fires.
   */
  run(script: string, args: readonly string[], options: {signal: AbortSignal}): Promise<RunResult>;
}

/** The node could not be reached or did not answer: expected in the field, reported as a gap, never a crash. */
export class TransportError extends Error {
  readonly failure: NodeFailure;
  constructor(failure: NodeFailure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = 'TransportError';
    this.failure = failure;
  }
}

/** `kube`: exec in flannel's own pod there. `debug`: exec in a pod made for it, which sees the whole node. */
export type Via = 'local' | 'ssh' | 'netns' | 'kube' | 'debug';

/** Where and how one node is reached; an entry of the inventory, or of flannel's records. */
export interface NodeAddress {
  readonly node: string;
  readonly via: Via;
  /** Ways to take instead, in this order, where the first is not to be had. */
  readonly otherwise?: readonly Via[];
  /** ssh: the host as `ssh` would take it (an alias of ssh_config, a name or an address). netns: the lab's holder pid. */
  readonly host?: string;
  readonly user?: string;
  readonly port?: number;
  /** netns: the pid whose namespaces (net, mount, uts, pid) are the node's. */
  readonly pid?: number;
}
