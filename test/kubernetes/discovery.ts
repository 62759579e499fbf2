import {apiVersionOf, kinds} from './store.js';

const all = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** What the server has, as it is asked for one by one; clients that would have it all at once fall back to this. */
export function discovery(pathname: string): object | undefined {
  if (pathname === '/api') return {kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: []};
  if (pathname === '/apis') return {kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupOf)};
  const group = /^\/apis\/([^/]+)$/.exec(pathname)?.[1];
  if (group !== undefined && groups.includes(group)) return {kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group)};
  const version = pathname === '/api/v1' ? 'v1' : /^\/apis\/([^/]+\/v1)$/.exec(pathname)?.[1];
  if (version === undefined || !(version === 'v1' || groups.includes(version.slice(0, -3)))) return undefined;
  const reviews =
    version === 'authorization.k8s.io/v1'
      ? [
          {
            name: 'selfsubjectaccessreviews',
            singularName: 'selfsubjectaccessreview',
            namespaced: false,
            kind: 'SelfSubjectAccessReview',
            verbs: ['create'],
          },
        ]
      : [];
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: version,
    resources: [
      ...reviews,
      ...kinds
        .filter((k) => apiVersionOf(k) === version)
        .flatMap(({plural, kind, namespaced, short, subresources = []}) => [
          {name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: all, ...(short !== undefined && {shortNames: [short]})},
          ...subresources.map((sub) => ({
            name: `${plural}/${sub}`,
            singularName: '',
            namespaced,
            kind: sub === 'exec' ? 'PodExecOptions' : kind,
            verbs: sub === 'exec' ? ['create', 'get'] : ['get', 'patch', 'update'],
          })),
        ]),
    ],
  };
}

const groups = [...new Set(kinds.map((k) => k.group)), 'authorization.k8s.io'].filter((g) => g !== '');

const groupOf = (name: string): object => {
  const version = {groupVersion: `${name}/v1`, version: 'v1'};
  return {name, versions: [version], preferredVersion: version};
};
