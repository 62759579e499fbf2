import {at, list, text} from '../../flannel/records/json.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudRoute, CloudTable} from '../cloud.js';
import {each, given, number, type Shape} from './shape.js';

/** `tccli tke DescribeClusterRoutes`: Global Router's rows; the physical host is in no API */
export const clusterRoutes: Shape = {
  command: 'tccli tke DescribeClusterRoutes',
  fits: (data) => list(at(data, 'RouteSet')).some((row) => at(row, 'GatewayIp') !== undefined),
  read(data, doubts) {
    const rows = each(at(data, 'RouteSet'), 'RouteSet');
    const found = rows.flatMap(({item, place}): readonly CloudRoute[] => {
      const dst = doubts.prefix(item, 'DestinationCidrBlock', place);
      const ip = doubts.ip(item, 'GatewayIp', place);
      const tableId = doubts.text(item, 'RouteTableName', place);
      if (dst === undefined || ip === undefined || tableId === undefined) return [];
      return [{provider: 'tke', tableId, dst, nextHop: {type: 'GatewayIp', id: ip, ip}, state: 'unknown', origin: 'user', raw: item}];
    });
    const ids = new Set(found.map((row) => row.tableId));
    return {
      routes: found,
      tables: [...ids].map((id): CloudTable => ({provider: 'tke', id, subnets: [], wide: true})),
      listed: rows.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli tke DescribeClusterRouteTables`: no rows, but which network a table is about */
export const clusterRouteTables: Shape = {
  command: 'tccli tke DescribeClusterRouteTables',
  fits: (data) => list(at(data, 'RouteTableSet')).some((table) => at(table, 'RouteTableCidrBlock') !== undefined),
  read(data, doubts) {
    const found = each(at(data, 'RouteTableSet'), 'RouteTableSet');
    return {
      tables: found.flatMap(({item, place}): readonly CloudTable[] => {
        const id = doubts.text(item, 'RouteTableName', place);
        if (id === undefined) return [];
        const cidr = tryPrefix(text(item, 'RouteTableCidrBlock') ?? '');
        return [{provider: 'tke', id, subnets: [], wide: true, ...given('vpcId', text(item, 'VpcId')), ...given('cidr', cidr)}];
      }),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};
