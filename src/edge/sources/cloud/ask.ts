import {type CloudDocument, type CloudDocuments, readCloud} from '../../../core/cloud/read.js';
import {at, list, text} from '../../../core/flannel/records/json.js';
import {ExitCode} from '../../../exit-code.js';
import {Failure} from '../../../failure.js';
import type {CloudName} from '../../cloud-flags.js';
import {runProcess} from '../../transports/run-process.js';
import {oneLine} from '../../ui/escape.js';

/** One call of the tool, in milliseconds: a page of a busy account takes seconds. */
const CALL_MS = 60_000;
/** More pages than any network has routes. */
const PAGES = 200;

/** Runs the tool with these words, and gives what it printed. */
type Ask = (...words: readonly string[]) => Promise<CloudDocument>;

interface Asked {
  readonly documents: CloudDocuments;
  /** What was refused, or cannot be read, that can be done without. */
  readonly problems: readonly string[];
}

/**
 * Asks the cloud for the route tables, the network interfaces and, unless they are given, the security groups, with the tool that the user has
 * installed and logged in; no shell, and nothing but Describe, describe and list. Who the user is stays the tool's affair. Whoever may read
 * networks may not always read groups, and of groups nobody need say anything: what is refused or cannot be read is left out, and said.
 * @throws Failure when it is not installed, refuses, or does not answer
 */
export async function askCloud(
  cloud: CloudName,
  {vpc, groups}: {readonly vpc: string | undefined; readonly groups: boolean},
  signal: AbortSignal,
): Promise<Asked> {
  const {program, read, groups: readGroups} = vendors[cloud];
  const ask: Ask = (...words) => call(program, words, signal);
  const documents = await read(ask, vpc);
  if (!groups) return {documents, problems: []};
  try {
    const found = await readGroups(ask, groupsIn(documents), vpc);
    const unread = readCloud({groups: found}).problems;
    return {documents: {...documents, ...(found.length > 0 && unread.length === 0 && {groups: found})}, problems: unread};
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return {documents, problems: [`security groups: ${error.message}`]};
  }
}

/** The groups that the interfaces name. */
const groupsIn = ({enis}: CloudDocuments): readonly string[] => [
  ...new Set((enis === undefined ? undefined : readCloud({enis}).enis)?.flatMap((eni) => eni.groups ?? [])),
];

async function call(program: string, words: readonly string[], signal: AbortSignal): Promise<CloudDocument> {
  const command = `${program} ${words.join(' ')}`;
  const late = AbortSignal.timeout(CALL_MS);
  const result = await runProcess(program, words, '', {signal: AbortSignal.any([signal, late]), via: '--cloud'}).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Failure(
      `--cloud: ${late.aborted ? `no answer within ${CALL_MS / 1000} s from ${command}` : `${program} cannot be started`}`,
      {
        exit: ExitCode.incomplete,
        hints: [`Is ${program} installed and on the PATH? Elsewhere, print its answers into files for --cloud-routes and --cloud-enis`],
        cause: error,
      },
    );
  });
  signal.throwIfAborted();
  if (result.code !== 0) {
    const said = result.stderr
      .trim()
      .split('\n')
      .filter((line) => line.trim() !== '');
    throw new Failure(
      `--cloud: ${command}: ${oneLine(said.at(-1) ?? (result.code === undefined ? 'no answer' : `exit code ${result.code}`))}`,
      {
        exit: ExitCode.incomplete,
        hints: [`Try it by hand: ${command}`],
      },
    );
  }
  try {
    return {from: command, takenAt: new Date().toISOString(), data: JSON.parse(result.stdout.toString())};
  } catch (error) {
    throw new Failure(`--cloud: ${command} printed no JSON: ${oneLine(result.stdout.toString().slice(0, 80))}`, {
      exit: ExitCode.incomplete,
      cause: error,
    });
  }
}

/** Pages of 100 by their offset, as Tencent counts; what is counted stands under `TotalCount`. */
async function offsets(ask: Ask, words: readonly string[], items: string): Promise<readonly CloudDocument[]> {
  const pages: CloudDocument[] = [];
  for (let seen = 0; pages.length < PAGES; ) {
    const page = await ask(...words, '--Limit', '100', '--Offset', String(seen));
    pages.push(page);
    const plain = at(page.data, 'Response') ?? page.data;
    const here = list(at(plain, items)).length;
    const total = at(plain, 'TotalCount');
    seen += here;
    if (here === 0 || typeof total !== 'number' || seen >= total) break;
  }
  return pages;
}

/** Pages that each name the next. */
async function tokens(ask: Ask, words: readonly string[]): Promise<readonly CloudDocument[]> {
  const pages: CloudDocument[] = [];
  for (let token = ''; pages.length < PAGES; ) {
    const page = await ask(...words, ...(token === '' ? [] : ['--NextToken', token]));
    pages.push(page);
    token = text(page.data, 'NextToken') ?? '';
    if (token === '') break;
  }
  return pages;
}

/** One call after the other: the clouds count how many come in a second. */
async function oneByOne(ids: readonly string[], ask: (id: string) => Promise<CloudDocument>): Promise<readonly CloudDocument[]> {
  const all: CloudDocument[] = [];
  for (const id of ids) all.push(await ask(id));
  return all;
}

const awsFilter = (vpc: string | undefined): readonly string[] => [
  ...['--output', 'json'],
  ...(vpc === undefined ? [] : ['--filters', `Name=vpc-id,Values=${vpc}`]),
];
const gcpFilter = (vpc: string | undefined): readonly string[] => (vpc === undefined ? [] : [`--filter=network~/${vpc}$`]);

interface Vendor {
  readonly program: string;
  read(ask: Ask, vpc: string | undefined): Promise<CloudDocuments>;
  /** What the groups with these ids let in, or all of them where one call lists them. */
  groups(ask: Ask, ids: readonly string[], vpc: string | undefined): Promise<readonly CloudDocument[]>;
}

const vendors: Readonly<Record<CloudName, Vendor>> = {
  tencent: {
    program: 'tccli',
    async read(ask, vpc) {
      const filter = vpc === undefined ? [] : ['--Filters', JSON.stringify([{Name: 'vpc-id', Values: [vpc]}])];
      const routes = await offsets(ask, ['vpc', 'DescribeRouteTables', ...filter], 'RouteTableSet');
      // Global Router's tables are no VPC's: one call lists them, one more each has the rows.
      const tables = await ask('tke', 'DescribeClusterRouteTables');
      const plain = at(tables.data, 'Response') ?? tables.data;
      const named = list(at(plain, 'RouteTableSet')).filter((t) => vpc === undefined || text(t, 'VpcId') === vpc);
      const rows: CloudDocument[] = [];
      for (const name of named.flatMap((t) => text(t, 'RouteTableName') ?? [])) {
        rows.push(await ask('tke', 'DescribeClusterRoutes', '--RouteTableName', name));
      }
      const of = {...tables, data: {RouteTableSet: named}};
      return {
        routes: [...routes, ...(named.length > 0 ? [of] : []), ...rows],
        enis: [
          ...(await offsets(ask, ['vpc', 'DescribeNetworkInterfaces', ...filter], 'NetworkInterfaceSet')),
          ...(await offsets(ask, ['vpc', 'DescribeSubnets', ...filter], 'SubnetSet')),
        ],
      };
    },
    groups: (ask, ids) => oneByOne(ids, (id) => ask('vpc', 'DescribeSecurityGroupPolicies', '--SecurityGroupId', id)),
  },
  aliyun: {
    program: 'aliyun',
    async read(ask, vpc) {
      const of = vpc === undefined ? [] : ['--VpcId', vpc];
      const tables = await ask('vpc', 'DescribeRouteTableList', '--PageSize', '50', ...of);
      const rows: CloudDocument[] = [];
      for (const table of list(at(tables.data, 'RouterTableList', 'RouterTableListType'))) {
        const id = text(table, 'RouteTableId');
        if (id !== undefined)
          rows.push(...(await tokens(ask, ['vpc', 'DescribeRouteEntryList', '--RouteTableId', id, '--MaxResult', '100'])));
      }
      return {
        routes: [tables, ...rows],
        enis: [
          ...(await tokens(ask, ['ecs', 'DescribeNetworkInterfaces', '--MaxResults', '100', ...of])),
          await ask('vpc', 'DescribeVSwitches', '--PageSize', '50', ...of),
        ],
      };
    },
    groups: (ask, ids) => oneByOne(ids, (id) => ask('ecs', 'DescribeSecurityGroupAttribute', '--SecurityGroupId', id)),
  },
  aws: {
    program: 'aws',
    async read(ask, vpc) {
      const filter = awsFilter(vpc);
      return {
        routes: [await ask('ec2', 'describe-route-tables', ...filter)],
        enis: [await ask('ec2', 'describe-network-interfaces', ...filter), await ask('ec2', 'describe-subnets', ...filter)],
      };
    },
    groups: async (ask, _ids, vpc) => [await ask('ec2', 'describe-security-groups', ...awsFilter(vpc))],
  },
  gcp: {
    program: 'gcloud',
    async read(ask, vpc) {
      return {
        routes: [await ask('compute', 'routes', 'list', '--format=json', ...gcpFilter(vpc))],
        enis: [await ask('compute', 'instances', 'list', '--format=json')],
      };
    },
    groups: async (ask, _ids, vpc) => [await ask('compute', 'firewall-rules', 'list', '--format=json', ...gcpFilter(vpc))],
  },
};
