import type {NodeDump} from '../../src/core/node/dump.js';

export function cluster(count: number, options?: {readonly wrong?: number; readonly seed?: number}): Generator<NodeDump>;
export function snapshotLines(count: number, options?: {readonly wrong?: number; readonly seed?: number}): Generator<string>;
