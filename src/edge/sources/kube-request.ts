/** What a call asks for in the words of RBAC, told from its path: to say which permission is missing, and to test docs/rbac.yaml. */
export interface Asked {
  readonly verb: string;
  /** `pods`, `pods/exec`, `nodes/status`. */
  readonly resource: string;
  /** API group; empty for the core. */
  readonly group: string;
  readonly namespace?: string;
  readonly name?: string;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** `/api/v1/…` or `/apis/GROUP/VERSION/…`, as https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris has them. */
export function askedOf(method: Method, path: string): Asked {
  const words = path
    .split('?')[0]!
    .split('/')
    .filter((word) => word !== '')
    .map(decodeURIComponent);
  const group = words[0] === 'apis' ? (words[1] ?? '') : '';
  const rest = words.slice(words[0] === 'apis' ? 3 : 2);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = path, name, sub] = namespaced ? rest.slice(2) : rest;
  // The exec of a WebSocket is a GET on the wire and a create to RBAC (kubernetes v1.35 asks `create` for both).
  const verb = sub === 'exec' ? 'create' : method === 'GET' ? (name === undefined ? 'list' : 'get') : verbs[method];
  return {
    verb,
    resource: sub === undefined ? resource : `${resource}/${sub}`,
    group,
    ...(namespaced && {namespace: rest[1]!}),
    ...(name !== undefined && {name}),
  };
}

const verbs = {POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete'} as const;
