import type {Family, Prefix} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';
import type {PodEnd} from '../node/pod-ends.js';
import {mostCommon} from './most-common.js';

/** The network that most pods on the node's veths are in by their own masks. Those that rules lead have an address alone, and say nothing of it. */
export const sharedNetwork = (ends: readonly PodEnd[], family: Family): Prefix | undefined =>
  mostCommon(
    ends.flatMap(({addresses, host}) =>
      host === undefined
        ? []
        : addresses.flatMap((a) =>
            a.family === family && a.prefixlen < (family === 4 ? 32 : 128) ? (tryPrefix(`${a.local}/${a.prefixlen}`) ?? []) : [],
          ),
    ),
    String,
  );
