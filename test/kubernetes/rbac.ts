/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
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

export const allowed = (rules: readonly PolicyRule[], {verb, group, resource, subresource, name}: Attributes): boolean =>
  rules.some(
    (rule) =>
      has(rule.verbs, verb) &&
      has(rule.apiGroups, group) &&
      has(rule.resources, subresource === undefined ? resource : `${resource}/${subresource}`) &&
      (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name))),
  );

/** As the API server words it. */
export function forbidden({user, verb, group, resource, subresource, namespace, name}: Attributes): string {
  const what = group === '' ? resource : `${resource}.${group}`;
  const of = name === undefined ? '' : ` "${name}"`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const kind = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${what}${of} is forbidden: User "${user}" cannot ${verb} resource "${kind}" in API group "${group}" ${where}`;
}
