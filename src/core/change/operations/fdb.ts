import {type Fdb, fdbCommandArgs, fdb as table} from '../../kernel/fdb.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

const bridge = (text: string): Line => ({tool: 'bridge', text});

const ZERO = '00:00:00:00:00:00';
/** Of these a device may have several rows, one a destination; `replace` is refused for them (drivers/net/vxlan, vxlan_fdb_update_existing). */
const isMany = ({mac}: Fdb): boolean => mac === ZERO || '13579bdf'.includes(mac.charAt(1));

const owner = (row: Fdb): boolean => row.master === undefined && !row.flags.includes('master');

export const fdb = rowKind('fdb', {
  name: 'fdb entry',
  is: (a, b) =>
    a.mac === b.mac &&
    a.dev === b.dev &&
    a.vlan === b.vlan &&
    owner(a) === owner(b) &&
    (!isMany(a) || (a.dst === b.dst && a.vni === b.vni && a.port === b.port)),
  equal: (a, b) => a.dst === b.dst && a.state === b.state && a.vni === b.vni && a.port === b.port && a.via === b.via,
  show: table.show,
  dev: (row) => row.dev,
  fleeting: (row) => row.state === '' || row.state === 'stale',
  put: (row) => [bridge(`fdb ${isMany(row) ? 'append' : 'replace'} ${fdbCommandArgs(row)}`)],
  drop(row) {
    const words = [
      ...(row.dst === undefined ? [] : ['dst', row.dst]),
      ...(row.vlan === undefined ? [] : ['vlan', row.vlan]),
      ...(row.port === undefined ? [] : ['port', row.port]),
      ...(row.vni === undefined ? [] : ['vni', row.vni]),
      owner(row) ? 'self' : 'master',
    ];
    return [bridge(`fdb del ${row.mac} dev ${row.dev} ${words.join(' ')}`)];
  },
});
