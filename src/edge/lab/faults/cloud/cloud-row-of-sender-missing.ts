import type {Fault} from '../fault.js';
import {asMade, bridged, withoutRow} from './places.js';

/** The cloud has no row for the pods that send: it lets nothing of theirs out, and no answer finds the way. */
export const cloudRowOfSenderMissing: Fault = {
  id: 'cloud-row-of-sender-missing',
  title: 'the cloud has no row for the pods of n1, nor takes their packets',
  fits: (lab) => bridged(lab) !== undefined,
  expect: () => ({rule: 'cloud-route-missing', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => ({...now, rows: withoutRow(now, lab.nodes[0]!)})}],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
