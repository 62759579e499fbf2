import {CONTAINER} from './debug-pod.js';
import type {TransportOptions} from './index.js';
import {execTransport, kubeReach} from './kube.js';
import {openSession, type Place} from './kube-session.js';
import {type NodeAddress, type Transport, TransportError} from './transport.js';

/** Into the namespaces of the node's first process; an image without nsenter gets at least the node's files (the network is the node's already). */
const ENTER = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
if command -v nsenter >/dev/null; then exec nsenter -t 1 -m -u -n -i -- "$@"; fi
exec chroot /proc/1/root "$@"`;

/**
 * Exec in a pod that is made for it on the node and removed at the end; everything is the node's own.
 * @throws TransportError
 */
export async function open({node}: NodeAddress, options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  const reach = kubeReach(node, options);
  const {debug} = reach;
  if (!debug) {
    throw new TransportError({
      kind: 'connect',
      message: `${node}: no image for a pod was named`,
      hint: '--debug-image IMAGE, one with sh and nsenter',
    });
  }
  const pod = await debug.on(node, signal);
  const place: Place = {
    namespace: debug.namespace,
    pod,
    container: CONTAINER,
    via: `debug ${debug.namespace}/${pod}`,
    enter: ['sh', '-c', ENTER, 'sh'],
  };
  return execTransport(node, place, reach, await openSession(reach.client, place, signal));
}
