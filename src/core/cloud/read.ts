import {at, list, object} from '../flannel/records/json.js';
import type {Cloud, CloudSource, CloudTable} from './cloud.js';
import {eniShapes, groupShapes, routeShapes} from './shapes/index.js';
import {Doubts, type Parts, type Shape} from './shapes/shape.js';

/** What one call of a cloud's tool printed, as JSON. */
export interface CloudDocument extends CloudSource {
  readonly data: unknown;
}

/** The documents of both kinds, as they were given; a kind that was not given is absent. */
export interface CloudDocuments {
  readonly routes?: readonly CloudDocument[];
  readonly enis?: readonly CloudDocument[];
  readonly groups?: readonly CloudDocument[];
}

/**
 * What the documents say, in the normal form. A kind of which one document cannot be read whole is left out, since a row that was not read
 * would look like a row that is not there; why is said in `problems`, with the document and the place in it.
 */
export function readCloud({routes, enis, groups}: CloudDocuments): Cloud {
  const problems: string[] = [];
  const rows = routes && merged(routes, routeShapes, problems);
  const nics = enis && merged(enis, eniShapes, problems);
  const sets = groups && merged(groups, groupShapes, problems);
  const subnets = nics?.subnets ?? [];
  return {
    // A list of tables alone does not say that there are no rows.
    ...(rows?.routes && {routes: rows.routes}),
    ...(rows && {tables: rows.tables ?? []}),
    // A list of subnets alone does not say that there are no interfaces.
    ...(nics?.enis && {enis: nics.enis}),
    ...(subnets.length > 0 && {subnets}),
    ...(sets?.groups && {groups: sets.groups}),
    sources: {
      ...(rows && routes && {routes: sourceOf(routes)}),
      ...(nics && enis && {enis: sourceOf(enis)}),
      ...(sets && groups && {groups: sourceOf(groups)}),
    },
    problems,
  };
}

/** A bundle, as a snapshot keeps several documents in one file, or the one document itself. */
export function documentsIn(data: unknown, source: CloudSource): readonly CloudDocument[] {
  if (at(data, 'kind') !== 'CloudDocuments') return [{...source, data}];
  return list(at(data, 'documents')).map((document) => {
    const [from, takenAt] = [at(document, 'from'), at(document, 'takenAt')];
    return {
      from: typeof from === 'string' ? from : source.from,
      ...(typeof takenAt === 'string' ? {takenAt} : {}),
      data: at(document, 'data'),
    };
  });
}

/** The bundle of documents, as a file of its own; without what machines carry beside their interfaces (GCE's start-up scripts and keys). */
export const bundleOf = (documents: readonly CloudDocument[]): unknown => ({
  kind: 'CloudDocuments',
  documents: documents.map((document) => ({...document, data: stripped(named(document.data, document.from))})),
});

/** What Tencent prints of a group's rules does not say of which group: the file's name does, or the command. */
const named = (data: unknown, from: string): unknown => {
  const id = /sg-[a-z0-9]+/.exec(from)?.[0];
  const plain = at(data, 'Response') ?? data;
  return id !== undefined && at(plain, 'SecurityGroupPolicySet') !== undefined && at(plain, 'SecurityGroupId') === undefined
    ? {...object(plain), SecurityGroupId: id}
    : data;
};

const carried = new Set(['metadata', 'labels', 'serviceAccounts', 'disks', 'UserData']);

const stripped = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(stripped)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (carried.has(key) ? [] : [[key, stripped(item)]])))
      : value;

function merged(documents: readonly CloudDocument[], shapes: readonly Shape[], problems: string[]): Parts | undefined {
  const read = documents.map((document) => partsOf(document, shapes, problems));
  const found = read.filter((r) => r !== undefined);
  if (found.length < read.length || cutShort(found, problems)) return undefined;
  const of = <Key extends 'routes' | 'enis' | 'subnets' | 'groups'>(key: Key) => {
    const lists = found.flatMap(({parts}) => (parts[key] === undefined ? [] : [parts[key]]));
    return lists.length === 0 ? undefined : (lists.flat() as NonNullable<Parts[Key]>);
  };
  const [routes, enis, subnets, groups] = [of('routes'), of('enis'), of('subnets'), of('groups')];
  return {
    ...(routes && {routes}),
    ...(enis && {enis}),
    ...(subnets && {subnets}),
    ...(groups && {groups}),
    tables: tablesOf(found.flatMap(({parts}) => parts.tables ?? [])),
  };
}

const flags = [
  ['--cloud-routes', routeShapes],
  ['--cloud-enis', eniShapes],
  ['--cloud-groups', groupShapes],
] as const;

interface Found {
  readonly shape: Shape;
  readonly from: string;
  readonly parts: Parts;
}

function partsOf({data: printed, from}: CloudDocument, shapes: readonly Shape[], problems: string[]): Found | undefined {
  // tccli prints the answer itself, the SDKs and the console with its wrapper.
  const data = named(printed, from);
  const wrapped = at(data, 'Response');
  const plain = wrapped === undefined ? data : wrapped;
  const refusal = at(plain, 'Error', 'Message') ?? at(plain, 'Message');
  const shape = shapes.find((s) => s.fits(plain)) ?? (isEmpty(plain) ? empty : undefined);
  if (shape === undefined) {
    const other = flags.flatMap(([flag, all]) =>
      all === shapes ? [] : all.filter((s) => s.fits(plain)).map(({command}) => ({flag, command})),
    )[0];
    problems.push(
      typeof refusal === 'string'
        ? `${from}: the cloud refused: ${refusal}`
        : other
          ? `${from}: this is what ${other.command} prints: give it with ${other.flag}`
          : `${from}: not a form flanctl knows; it takes what is printed by ${shapes.map((s) => s.command).join(', ')}`,
    );
    return undefined;
  }
  const doubts = new Doubts();
  const parts = shape.read(plain, doubts);
  if (doubts.found.length === 0) return {shape, from, parts};
  const more = doubts.found.length > 5 ? [`${from}: and ${doubts.found.length - 5} more such places`] : [];
  problems.push(...doubts.found.slice(0, 5).map((doubt) => `${from}: ${doubt}`), ...more);
  return undefined;
}

/** gcloud prints `[]`, tccli `RouteSet: []`, of which nobody can say what they are lists of; that there is none they say. */
const isEmpty = (data: unknown): boolean =>
  (Array.isArray(data) && data.length === 0) || (Array.isArray(at(data, 'RouteSet')) && list(at(data, 'RouteSet')).length === 0);

const empty: Shape = {command: 'a list without rows', fits: isEmpty, read: () => ({routes: [], enis: [], groups: []})};

/** A page is not the whole: what is on the others would be taken for missing. */
function cutShort(found: readonly Found[], problems: string[]): boolean {
  const before = problems.length;
  for (const shape of new Set(found.map((f) => f.shape))) {
    const same = found.filter((f) => f.shape === shape);
    const from = same.map((f) => f.from).join(', ');
    const total = Math.max(...same.map((f) => f.parts.total ?? 0));
    const listed = same.reduce((n, f) => n + (f.parts.listed ?? 0), 0);
    if (listed < total) {
      problems.push(
        `${from}: ${listed} of ${total} are listed: a page, not the whole; give the other pages too (Offset, Limit: at most 100)`,
      );
    } else if (same.every((f) => f.parts.more)) {
      problems.push(`${from}: there is a next page (${shape.command}): give every page, each as a file of its own`);
    }
  }
  return problems.length > before;
}

/** One table may be listed with its subnets here and with its rows there. */
function tablesOf(tables: readonly CloudTable[]): readonly CloudTable[] {
  const byId = new Map<string, CloudTable>();
  for (const table of tables) {
    const key = `${table.provider} ${table.id}`;
    const known = byId.get(key);
    byId.set(key, known ? {...known, ...table, subnets: [...new Set([...known.subnets, ...table.subnets])]} : table);
  }
  return [...byId.values()];
}

function sourceOf(documents: readonly CloudDocument[]): CloudSource {
  const oldest = documents.flatMap((d) => d.takenAt ?? []).toSorted((a, b) => (Date.parse(a) || 0) - (Date.parse(b) || 0))[0];
  return {from: documents.map((d) => d.from).join(', '), ...(oldest !== undefined && {takenAt: oldest})};
}
