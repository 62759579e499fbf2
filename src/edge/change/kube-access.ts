import {Failure} from '../../failure.js';
import type {KubeClient, KubeObject} from '../sources/kube-client.js';
import {KubeError} from '../sources/kube-client.js';

interface Need {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** Asked for in all namespaces, as nodes are in none. */
  readonly everywhere?: true;
}

const needs = (group: string, resource: string, ...verbs: readonly string[]): readonly Need[] =>
  verbs.map((verb) => ({group, resource, verb}));

/** What a change through the API server calls for, in flannel's namespace; docs/rbac-migrate.yaml and docs/rbac.yaml give it together. */
export const forChange: readonly Need[] = [
  {group: '', resource: 'nodes', verb: 'list', everywhere: true},
  ...needs('', 'configmaps', 'get', 'patch'),
  ...needs('', 'pods', 'list', 'delete'),
  ...needs('coordination.k8s.io', 'leases', 'get', 'create', 'update', 'patch', 'delete'),
  ...needs('', 'events', 'create'),
];

/**
 * Asks whether all that a change will call for is allowed, before anything is written: halfway, a verb that is missing would turn it back.
 * @param waits the ConfigMap is written by somebody else
 * @throws Failure that names every permission that is missing. A server that does not tell is believed later, by what it does.
 */
export async function mayChange(client: KubeClient, namespace: string, waits: boolean): Promise<void> {
  const wanted = forChange.filter(({resource, verb}) => !(waits && resource === 'configmaps' && verb === 'patch'));
  const missing = (await Promise.all(wanted.map(async (need) => ((await allows(client, namespace, need)) ? [] : [need])))).flat();
  if (missing.length === 0) return;
  const shown = missing.map(({group, resource, verb, everywhere}) => {
    const where = everywhere ? '' : ` in namespace ${namespace}`;
    return `${verb} ${resource}${group === '' ? '' : `.${group}`}${where}`;
  });
  throw new Failure(`the API server does not allow what this change needs: ${shown.join(', ')}`, {
    hints: ['docs/rbac.yaml and docs/rbac-migrate.yaml together give it: kubectl apply -f docs/rbac.yaml -f docs/rbac-migrate.yaml'],
  });
}

async function allows(client: KubeClient, namespace: string, {group, resource, verb, everywhere}: Need): Promise<boolean> {
  const resourceAttributes = {verb, group, resource, ...(everywhere ? {} : {namespace})};
  const body = {apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {resourceAttributes}};
  try {
    const {status} = (await client.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {body})) as KubeObject & {
      readonly status?: {readonly allowed?: boolean};
    };
    return status?.allowed !== false;
  } catch (error) {
    if (error instanceof KubeError) return true;
    throw error;
  }
}
