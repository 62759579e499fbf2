import {execute} from '../../src/edge/change/executor.js';
import {savedChange} from '../../src/edge/change/local-journal.js';
import {openAgents} from '../../src/edge/change/node-agent.js';
import {exitOf} from '../../src/edge/change/outcome.js';

/**
 * flanctl's machinery as a process of its own, for tests that end it: runs the change whose plan.json lies in the state folder already.
 * Its gates are always open: they are somebody else's matter.
 */
const change = (await savedChange(process.argv[2]!))!;
const transport = {
  sshHostKeys: 'strict' as const,
  notice: () => undefined,
  ...(change.sshConfig !== undefined && {sshConfig: change.sshConfig}),
};
const agents = await openAgents(change.addresses, {transport, timeoutMs: Number(process.env['DRIVER_TIMEOUT'] ?? 30_000)});
const outcome = await execute({
  change,
  agents,
  gate: async () => ({ok: true, because: []}),
  onEvent: () => undefined,
  signal: new AbortController().signal,
});
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exit(exitOf(outcome));
