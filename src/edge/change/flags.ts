import {Flags} from '@oclif/core';
import {withEnv} from '../../base-command.js';
import {Failure} from '../../failure.js';

/** What every command takes that changes live nodes. */
export const changeFlags = withEnv({
  'dry-run': Flags.boolean({summary: 'print the commands and their inverses, node by node, and do nothing', helpGroup: 'CHANGE'}),
  yes: Flags.boolean({char: 'y', summary: 'do not ask', helpGroup: 'CHANGE'}),
  ttl: Flags.integer({
    summary: 'seconds without a word from here after which each node undoes its part',
    default: 60,
    min: 5,
    max: 3600,
    helpGroup: 'CHANGE',
  }),
  'probe-interval': Flags.string({
    summary: 'seconds between two echoes of each pair of nodes for the loss ledger; 0 for none',
    default: '0.01',
    helpValue: 'SECONDS',
    helpGroup: 'CHANGE',
    parse: async (text) => {
      const seconds = Number(text);
      if (!(seconds === 0 || (seconds >= 0.002 && seconds <= 10)))
        throw new Failure(`--probe-interval ${text}: 0, or from 0.002 to 10 seconds`);
      return text;
    },
  }),
});
