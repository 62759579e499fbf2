import {parseAllDocuments} from 'yaml';

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  /** Of a Role that is bound: where it holds. Without one, everywhere. */
  readonly namespace?: string;
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Attributes {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

const has = (list: readonly string[] | undefined, item: string): boolean => list?.some((one) => one === '*' || one === item) ?? false;

export const allowed = (rules: readonly PolicyRule[], {verb, group, resource, subresource, namespace, name}: Attributes): boolean =>
  rules.some(
    (rule) =>
      (rule.namespace === undefined || rule.namespace === namespace) &&
      has(rule.verbs, verb) &&
      has(rule.apiGroups, group) &&
      has(rule.resources, subresource === undefined ? resource : `${resource}/${subresource}`) &&
      (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name))),
  );

interface Manifest {
  readonly kind: string;
  readonly metadata: {readonly name: string; readonly namespace?: string};
  readonly rules?: readonly PolicyRule[];
  readonly roleRef?: {readonly kind: string; readonly name: string};
  readonly subjects?: readonly {readonly kind: string; readonly name: string}[];
}

/** What the roles and bindings of a manifest give to a service account: those of a RoleBinding only in its namespace. */
export function rulesOf(manifest: string, account: string): readonly PolicyRule[] {
  const objects = parseAllDocuments(manifest).map((document) => document.toJS() as Manifest);
  return objects
    .filter(({subjects}) => subjects?.some((s) => s.kind === 'ServiceAccount' && s.name === account))
    .flatMap(({kind, metadata: {namespace}, roleRef}) => {
      const role = objects.find(
        (o) =>
          o.kind === roleRef!.kind && o.metadata.name === roleRef!.name && (o.kind === 'ClusterRole' || o.metadata.namespace === namespace),
      );
      if (!role) throw new Error(`a ${kind} names a ${roleRef!.kind} ${roleRef!.name} that is not there`);
      return role.rules!.map((rule) => (kind === 'RoleBinding' ? {...rule, namespace: namespace!} : rule));
    });
}

/** As the API server words it. */
export function forbidden({user, verb, group, resource, subresource, namespace, name}: Attributes): string {
  const what = group === '' ? resource : `${resource}.${group}`;
  const of = name === undefined ? '' : ` "${name}"`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const kind = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${what}${of} is forbidden: User "${user}" cannot ${verb} resource "${kind}" in API group "${group}" ${where}`;
}
