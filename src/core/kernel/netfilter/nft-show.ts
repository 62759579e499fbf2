type Json = {readonly [key: string]: unknown};

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A rule in nft's words, near enough to be recognised in `nft list ruleset`; parts without words here stay JSON. */
export function showNftRule(expr: readonly unknown[], comment?: string): string {
  return [...expr.map(showStatement), ...(comment === undefined ? [] : [`comment ${JSON.stringify(comment)}`])].join(' ');
}

function showStatement(statement: unknown): string {
  if (!isObject(statement)) return JSON.stringify(statement);
  const [kind = '', body] = Object.entries(statement)[0] ?? [];
  if (body === null) return kind;
  if (!isObject(body)) return JSON.stringify(statement);
  switch (kind) {
    case 'match': {
      const op = body['op'] === '==' || body['op'] === 'in' ? '' : `${String(body['op'])} `;
      return `${show(body['left'])} ${op}${show(body['right'])}`;
    }
    case 'jump':
    case 'goto':
      return `${kind} ${String(body['target'])}`;
    case 'vmap':
      return `${show(body['key'])} vmap ${show(body['data'])}`;
    case 'mangle':
      return `${show(body['key'])} set ${show(body['value'])}`;
    case 'counter':
      return 'counter';
    case 'limit':
      return `limit rate ${body['inv'] === true ? 'over ' : ''}${String(body['rate'])}/${String(body['per'])}`;
    case 'xt':
      return `xt ${String(body['type'])} ${JSON.stringify(body['name'])}`;
    case 'reject':
      return `reject with ${[body['type'], body['expr']].filter((part) => part !== undefined).join(' ')}`;
    case 'snat':
    case 'dnat':
    case 'redirect':
    case 'masquerade': {
      const to = `${body['addr'] === undefined ? '' : show(body['addr'])}${body['port'] === undefined ? '' : `:${show(body['port'])}`}`;
      return [kind, ...(to === '' ? [] : ['to', to]), ...(body['flags'] === undefined ? [] : [[body['flags']].flat().join(',')])].join(' ');
    }
    case 'log':
      return Object.entries(body).reduce((text, [key, value]) => `${text} ${key} ${JSON.stringify(value)}`, 'log');
    default:
      return `${kind} ${show(body)}`;
  }
}

function show(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.map(show).join(',');
  if (!isObject(value)) return JSON.stringify(value) ?? '';
  const [kind = '', body] = Object.entries(value)[0] ?? [];
  const pair = Array.isArray(body) ? body : [];
  if (kind === 'set')
    return `{ ${[body]
      .flat()
      .map((element) => showElement(element))
      .join(', ')} }`;
  if (kind === 'range') return `${show(pair[0])}-${show(pair[1])}`;
  if (kind === 'concat') return pair.map(show).join(' . ');
  if (kind === '&' || kind === '|' || kind === '^') return pair.map(show).join(` ${kind} `);
  if (!isObject(body)) return JSON.stringify(value);
  if (kind === 'prefix') return `${String(body['addr'])}/${String(body['len'])}`;
  if (kind === 'payload') return `${String(body['protocol'])} ${String(body['field'])}`;
  if (kind === 'meta' || kind === 'ct')
    return `${kind === 'meta' && !bare.has(String(body['key'])) ? 'meta ' : kind === 'ct' ? 'ct ' : ''}${String(body['key'])}`;
  if (kind === 'fib') return `fib ${[body['flags']].flat().join(' . ')} ${String(body['result'])}`;
  if (kind === 'elem') return show(body['val']);
  return JSON.stringify(value);
}

/** nft leaves out `meta` before these. */
const bare = new Set(['iif', 'oif', 'iifname', 'oifname', 'iifgroup', 'oifgroup']);

/** An element of a map is a pair of key and verdict (or value). */
const showElement = (element: unknown): string =>
  Array.isArray(element) ? `${show(element[0])} : ${isObject(element[1]) ? showStatement(element[1]) : show(element[1])}` : show(element);
