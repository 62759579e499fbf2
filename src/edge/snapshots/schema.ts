import type {NodeDump, NodeFailure, Section} from '../../core/node/dump.js';
import {Failure} from '../../failure.js';
import type {SnapshotMeta} from './write.js';

export interface SnapshotHeader extends Partial<SnapshotMeta> {
  readonly apiVersion: 'flanctl.dev/v1alpha1';
  readonly kind: 'Snapshot';
}

type Fields = {readonly [key: string]: unknown};

/** A thousand nodes have some fifty thousand sections: these are checked by hand, in one pass, with what is wrong in the message. */
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrAbsent = (value: unknown): value is string | undefined => value === undefined || isText(value);

/** @throws Failure when it is the header of something else, or of a later format. */
export function checkHeader(value: unknown, path: string): SnapshotHeader {
  if (!isObject(value) || value['kind'] !== 'Snapshot') {
    const kind = isObject(value) && isText(value['kind']) ? `, but of a ${JSON.stringify(value['kind'].slice(0, 40))}` : '';
    throw new Failure(`${path} is not a snapshot: its first line is not the header of one${kind}`, {
      hints: ['flanctl gather -f FILE takes one'],
    });
  }
  if (value['apiVersion'] !== 'flanctl.dev/v1alpha1') {
    throw new Failure(`${path} has the format ${JSON.stringify(value['apiVersion'])}, this flanctl reads flanctl.dev/v1alpha1`, {
      hints: ['Read it with the flanctl that took it, or a later one'],
    });
  }
  const {takenAt, tool, redacted, extras} = value;
  return {
    apiVersion: 'flanctl.dev/v1alpha1',
    kind: 'Snapshot',
    ...(isText(takenAt) && {takenAt}),
    ...(isText(tool) && {tool}),
    ...(redacted === true && {redacted}),
    ...(isObject(extras) && {extras: Object.fromEntries(Object.entries(extras).filter((e): e is [string, string] => isText(e[1])))}),
  };
}

/** @throws Failure naming `place` (file and line) and what is missing. */
export function checkNode(value: unknown, place: string): NodeDump {
  const wrong = (what: string): never => {
    throw new Failure(`${place}: not a node of a snapshot: ${what}`);
  };
  if (!isObject(value)) return wrong('not an object');
  if (!isText(value['node']) || value['node'] === '') return wrong('`node` is not a name');
  if (!isText(value['via'])) return wrong('`via` is not text');
  if (!isTextOrAbsent(value['takenAt'])) return wrong('`takenAt` is not text');
  if (value['failure'] !== undefined && !isFailure(value['failure'])) return wrong('`failure` has no kind and message');
  if (!Array.isArray(value['sections'])) return wrong('`sections` is not a list');
  const odd = value['sections'].findIndex((section) => !isSection(section));
  if (odd !== -1) return wrong(`section ${odd + 1} has no name, command, rc and out`);
  return value as unknown as NodeDump;
}

function isSection(value: unknown): value is Section {
  if (!isObject(value)) return false;
  return (
    isText(value['name']) &&
    isText(value['command']) &&
    Number.isInteger(value['rc']) &&
    isText(value['out']) &&
    isTextOrAbsent(value['err'])
  );
}

function isFailure(value: unknown): value is NodeFailure {
  return isObject(value) && isText(value['kind']) && isText(value['message']) && isTextOrAbsent(value['hint']);
}
