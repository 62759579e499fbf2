import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {apiFailure, type KubeClient, KubeError} from '../sources/kube-client.js';

interface Lease {
  readonly metadata: {readonly resourceVersion: string};
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

const NAME = 'flanctl';
const micro = (): string => new Date().toISOString().replace('Z', '000Z');

/**
 * The cluster's lock: a Lease in flannel's namespace, renewed while the change goes on, and removed at its end. One that was not renewed in its
 * time is free.
 * @throws Failure when somebody else holds it, naming who and since when; or the server says no.
 */
export async function holdLease(client: KubeClient, namespace: string, holder: string, ttl: number): Promise<AsyncDisposable> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${NAME}`;
  const spec = (since: string) => ({holderIdentity: holder, acquireTime: since, renewTime: micro(), leaseDurationSeconds: ttl});
  const begun = micro();
  const metadata = {name: NAME, namespace};
  const make = (): Promise<unknown> =>
    client.call('POST', path.slice(0, path.lastIndexOf('/')), {
      body: {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: spec(begun)},
    });
  const busy = ({
    holderIdentity = 'somebody',
    acquireTime = 'some time',
    leaseDurationSeconds = ttl,
  }: NonNullable<Lease['spec']>): Failure =>
    new Failure(`Lease ${namespace}/${NAME} is held by ${holderIdentity} since ${acquireTime}: another change is under way`, {
      exit: ExitCode.findings,
      hints: [`it is free ${leaseDurationSeconds} s after its holder was last heard`],
    });
  const taken = async (): Promise<boolean> => {
    try {
      await make();
      return true;
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409) throw error;
    }
    const {metadata: own, spec: theirs = {}} = (await client.call('GET', path)) as unknown as Lease;
    const {renewTime, leaseDurationSeconds = ttl} = theirs;
    if (renewTime !== undefined && Date.parse(renewTime) + leaseDurationSeconds * 1000 >= Date.now()) throw busy(theirs);
    const body = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: {...metadata, ...own}, spec: spec(begun)};
    try {
      await client.call('PUT', path, {body});
      return true;
    } catch (error) {
      // Somebody was quicker, or it has just been removed.
      if (error instanceof KubeError && (error.status === 409 || error.status === 404)) return false;
      throw error;
    }
  };
  try {
    let tries = 0;
    while (!(await taken())) if (++tries > 5) throw busy({});
  } catch (error) {
    throw apiFailure(error, `taking the Lease ${namespace}/${NAME}`);
  }
  // Lost for a while, it is taken up again: the nodes' own locks are what keeps two changes apart.
  const beat = setInterval(
    () => {
      const patch = {contentType: 'application/merge-patch+json', body: {spec: {holderIdentity: holder, renewTime: micro()}}};
      void client.call('PATCH', path, patch).catch(() => undefined);
    },
    (ttl * 1000) / 3,
  );
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      await client.call('DELETE', path).catch((error: unknown) => {
        if (!(error instanceof KubeError)) throw error;
      });
    },
  };
}

/** Removes the Lease where it is held for this change; another's is left. @throws KubeError */
export async function releaseLease(client: KubeClient, namespace: string, id: string): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${NAME}`;
  try {
    const lease = (await client.call('GET', path)) as unknown as Lease;
    if (lease.spec?.holderIdentity?.endsWith(id)) await client.call('DELETE', path);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error;
  }
}
