import {createHmac, randomBytes} from 'node:crypto';
import type {NodeDump} from '../../core/node/dump.js';
import {learnDump, redactDump} from '../../core/redact/dump.js';
import {learnRecords, type RecordTexts, redactRecords} from '../../core/redact/records.js';
import {Redactor} from '../../core/redact/redactor.js';

export interface Redacted {
  readonly dumps: readonly NodeDump[];
  readonly extras: RecordTexts;
  /** What a node of the original is called now. */
  readonly nameOf: (node: string) => string;
}

/**
 * A snapshot that can be given to a stranger: names, addresses and keys replaced, each by the same wherever it stands, so that doctor and
 * trace say the same of it. The key of the replacement is made here and kept nowhere.
 */
export function redactSnapshot(dumps: readonly NodeDump[], extras: RecordTexts, key: Uint8Array = randomBytes(32)): Redacted {
  const redactor = new Redactor((text) => createHmac('sha256', key).update(text).digest());
  for (const dump of dumps) learnDump(redactor, dump);
  learnRecords(redactor, extras);
  return {
    dumps: dumps.map((dump) => redactDump(redactor, dump)),
    extras: redactRecords(redactor, extras),
    nameOf: (node) => redactor.names.of('node', node),
  };
}
