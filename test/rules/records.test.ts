import fc from 'fast-check';
import {expect, test} from 'vitest';
import {recordsOfEtcd} from '../../src/core/flannel/records/etcd.js';
import {recordsOfKubernetes} from '../../src/core/flannel/records/kubernetes.js';
import type {Records} from '../../src/core/flannel/records.js';
import {readNode} from '../../src/core/model/read-node.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnoseStates} from '../../src/edge/diagnose.js';
import {loadBase} from '../bases/bases.js';
import {keysOf, objectsOf} from '../recorded.js';

/** The same with the value at one place, found by counting, replaced. */
function replaced(value: unknown, place: {n: number}, by: unknown): unknown {
  if (place.n-- === 0) return by;
  if (Array.isArray(value)) return value.map((item) => replaced(item, place, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, place, by)]));
}

const count = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Object.values(value).reduce((n: number, item) => n + count(item), 0) : 1;

/** Whatever the API server or etcd says, doctor ends with a verdict, and rows that work are never called wrong for it. */
test.each(['vxlan-dual', 'host-gw'])(
  'records of %s with anything in any one place break no rule, and put no kernel row in doubt',
  async (base) => {
    const dumps = await loadBase(base);
    const states = dumps.map(readNode);
    const objects = objectsOf(dumps);
    const keys = keysOf(dumps);
    const kernel = new Set(['route', 'neigh', 'fdb', 'firewall', 'sysctl']);
    const judge = async (records: Records): Promise<void> => {
      const {findings} = await diagnoseStates(states, {records}, rules);
      const all = findings.flatMap((f) => [f, ...f.consequences]);
      // A second node or subnet that the records make up has rows to miss; what is there is right.
      const wrong = all.filter((f) => kernel.has(f.stage) && !/-missing$|^route-hostgw-gateway-offlink$/.test(f.rule));
      expect(wrong.map((f) => f.message)).toEqual([]);
    };
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.nat(count(objects) - 1), fc.nat(count(keys) - 1), async (json, n, m) => {
        const changed = replaced(objects, {n}, json);
        await judge(recordsOfKubernetes(typeof changed === 'object' && changed !== null ? changed : {}, {from: 'x'}));
        await judge(recordsOfEtcd(replaced(keys, {n: m}, json), {from: 'x'}));
      }),
      {numRuns: 40},
    );
  },
);
