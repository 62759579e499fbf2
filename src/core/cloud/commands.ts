import {at, text} from '../flannel/records/json.js';
import type {Prefix} from '../net/address.js';
import type {CloudGroup, CloudRoute, CloudTable, GroupRule} from './cloud.js';

/** A command of a cloud's tool as words; printed for a person, never run. */
export type CloudWords = readonly string[];

/** A machine as each cloud names it, as far as it is known. */
export interface Machine {
  readonly address?: string;
  readonly instanceId?: string;
  readonly eniId?: string;
}

const lacking = (what: string): string => `<${what}>`;

/** Writes the row for a part; where the machine's name in the cloud is not known, the place of it stands in angle brackets. */
export function createRow({provider, id}: Pick<CloudTable, 'provider' | 'id'>, dst: Prefix, to: Machine): CloudWords | undefined {
  const {
    address = lacking('address of the node'),
    instanceId = lacking('instance of the node'),
    eniId = lacking('interface of the node'),
  } = to;
  switch (provider) {
    case 'tencent':
      return [
        ...['tccli', 'vpc', 'CreateRoutes', '--RouteTableId', id, '--Routes'],
        JSON.stringify([{DestinationCidrBlock: dst, GatewayType: 'NORMAL_CVM', GatewayId: address}]),
      ];
    case 'tke':
      return ['tccli', 'tke', 'CreateClusterRoute', '--RouteTableName', id, '--DestinationCidrBlock', dst, '--GatewayIp', address];
    case 'alibaba':
      return [
        ...['aliyun', 'vpc', 'CreateRouteEntry', '--RouteTableId', id, '--DestinationCidrBlock', dst],
        ...['--NextHopType', 'Instance', '--NextHopId', instanceId],
      ];
    case 'aws':
      return [
        ...['aws', 'ec2', 'create-route', '--route-table-id', id],
        ...[dst.includes(':') ? '--destination-ipv6-cidr-block' : '--destination-cidr-block', dst, '--network-interface-id', eniId],
      ];
    case 'gcp': {
      const [, zone = lacking('zone'), name = instanceId] = /zones\/([^/]+)\/instances\/([^/]+)$/.exec(instanceId) ?? [];
      return [
        ...['gcloud', 'compute', 'routes', 'create', `flannel-${dst.replaceAll(/[./:]/g, '-')}`, '--network', id.split('/').at(-1) ?? id],
        ...['--destination-range', dst, '--next-hop-instance', name, '--next-hop-instance-zone', zone, '--priority', '1000'],
      ];
    }
    case 'own':
      return undefined;
  }
}

/** Lets a group take in such packets from a prefix; of Tencent it becomes the group's first row. */
export function letIn(
  {provider, id}: Pick<CloudGroup, 'provider' | 'id'>,
  from: Prefix,
  kind: Pick<GroupRule, 'proto' | 'ports'>,
): CloudWords | undefined {
  const six = from.includes(':');
  const {proto, ports} = kind;
  const range = ports && (ports[0] === ports[1] ? String(ports[0]) : `${ports[0]}-${ports[1]}`);
  switch (provider) {
    case 'tencent':
      return [
        ...['tccli', 'vpc', 'CreateSecurityGroupPolicies', '--SecurityGroupId', id, '--SecurityGroupPolicySet'],
        JSON.stringify({
          Ingress: [
            {
              PolicyIndex: 0,
              Protocol: proto.toUpperCase(),
              Port: range ?? 'ALL',
              ...(six ? {Ipv6CidrBlock: from} : {CidrBlock: from}),
              Action: 'ACCEPT',
            },
          ],
        }),
      ];
    case 'alibaba':
      return [
        ...['aliyun', 'ecs', 'AuthorizeSecurityGroup', '--SecurityGroupId', id, '--IpProtocol', proto],
        ...['--PortRange', ports === undefined ? '-1/-1' : ports.join('/'), six ? '--Ipv6SourceCidrIp' : '--SourceCidrIp', from],
      ];
    case 'aws':
      return [
        ...['aws', 'ec2', 'authorize-security-group-ingress', '--group-id', id, '--ip-permissions'],
        JSON.stringify([
          {
            IpProtocol: proto === 'all' ? '-1' : proto,
            ...(ports ? {FromPort: ports[0], ToPort: ports[1]} : /^icmp/.test(proto) ? {FromPort: -1, ToPort: -1} : {}),
            ...(six ? {Ipv6Ranges: [{CidrIpv6: from}]} : {IpRanges: [{CidrIp: from}]}),
          },
        ]),
      ];
    case 'gcp':
      return [
        ...[
          'gcloud',
          'compute',
          'firewall-rules',
          'create',
          `pods-${from.replaceAll(/[./:]/g, '-')}`,
          '--network',
          id.split('/').at(-1) ?? id,
        ],
        ...['--direction', 'INGRESS', '--source-ranges', from, '--allow', range === undefined ? proto : `${proto}:${range}`],
      ];
    default:
      return undefined;
  }
}

/** Takes exactly this row away. */
export function deleteRow({provider, tableId, dst, nextHop, raw}: CloudRoute): CloudWords | undefined {
  switch (provider) {
    case 'tencent':
      return [
        'tccli',
        'vpc',
        'DeleteRoutes',
        '--RouteTableId',
        tableId,
        '--Routes',
        JSON.stringify([tencentId(raw) ?? {DestinationCidrBlock: dst}]),
      ];
    case 'tke':
      return ['tccli', 'tke', 'DeleteClusterRoute', '--RouteTableName', tableId, '--GatewayIp', nextHop.id, '--DestinationCidrBlock', dst];
    case 'alibaba': {
      const entry = text(raw, 'RouteEntryId');
      const which =
        entry === undefined
          ? ['--RouteTableId', tableId, '--DestinationCidrBlock', dst, '--NextHopId', nextHop.id]
          : ['--RouteEntryId', entry];
      return ['aliyun', 'vpc', 'DeleteRouteEntry', ...which];
    }
    case 'aws':
      return [
        ...['aws', 'ec2', 'delete-route', '--route-table-id', tableId],
        ...[dst.includes(':') ? '--destination-ipv6-cidr-block' : '--destination-cidr-block', dst],
      ];
    case 'gcp':
      return ['gcloud', 'compute', 'routes', 'delete', text(raw, 'name') ?? lacking('name of the route')];
    case 'own':
      return undefined;
  }
}

/** Lets a row that is switched off lead again; only Tencent has such a switch. */
export function enableRow({provider, tableId, raw}: CloudRoute): CloudWords | undefined {
  if (provider !== 'tencent') return undefined;
  const id = tencentId(raw);
  if (id === undefined) return undefined;
  const [key, value] = 'RouteItemId' in id ? ['--RouteItemIds', id.RouteItemId] : ['--RouteIds', id.RouteId];
  return ['tccli', 'vpc', 'EnableRoutes', '--RouteTableId', tableId, key, JSON.stringify([value])];
}

/** Puts a part's row right where another leads elsewhere: first the right one, then the wrong ones away, but on AWS, where one stands for a prefix. */
export function mendRows(
  table: Pick<CloudTable, 'provider' | 'id'>,
  wrong: readonly CloudRoute[],
  dst: Prefix,
  to: Machine | undefined,
): readonly CloudWords[] {
  const made = to && createRow(table, dst, to);
  if (table.provider === 'aws' && made) return [made.map((word) => (word === 'create-route' ? 'replace-route' : word))];
  const deleted = wrong.map(deleteRow);
  // Alibaba refuses a second row for a prefix.
  return (table.provider === 'alibaba' ? [...deleted, made] : [made, ...deleted]).filter((words) => words !== undefined);
}

function tencentId(raw: unknown): {readonly RouteItemId: string} | {readonly RouteId: unknown} | undefined {
  const item = text(raw, 'RouteItemId');
  if (item !== undefined && item !== '') return {RouteItemId: item};
  const id = at(raw, 'RouteId');
  return id === undefined || id === 0 ? undefined : {RouteId: id};
}
