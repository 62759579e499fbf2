import type {NodeAddress, Transport} from './transport.js';

export interface TransportOptions {
  readonly sshConfig?: string;
  readonly sshHostKeys: 'strict' | 'accept-new';
  /** Called for what the user should know: a key that was added, a password prompt that cannot be. */
  readonly notice: (message: string) => void;
}

type Open = (address: NodeAddress, options: TransportOptions, signal: AbortSignal) => Promise<Transport>;

/** A new transport is one file beside this one and one line here; each loads only when a node is reached that way. */
export const transports: {readonly [via in NodeAddress['via']]: () => Promise<Open>} = {
  local: async () => (await import('./local.js')).open,
  netns: async () => (await import('./netns.js')).open,
  ssh: async () => (await import('./ssh.js')).open,
};
