import {address} from './address.js';
import {fdb} from './fdb.js';
import {link} from './link.js';
import {neigh} from './neigh.js';
import {nexthop} from './nexthop.js';
import {route} from './route.js';
import {rule} from './rule.js';
import type {Table} from './table.js';
import {wg} from './wg.js';
import {sa, xfrm} from './xfrm.js';

/** Every kernel table flanctl reads. A new table is one file and one line here. */
export const tables = {link, address, route, rule, neigh, fdb, nexthop, wg, xfrm, sa};

export type TableName = keyof typeof tables;
export type RowOf<N extends TableName> = (typeof tables)[N] extends Table<infer Row> ? Row : never;
/** The rows of one network namespace, table by table; a table that was not gathered is absent, never empty. */
export type NodeTables = {readonly [N in TableName]?: readonly RowOf<N>[]};
