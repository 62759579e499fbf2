import {shell} from '../../../core/kernel/commands.js';
import type {Runner} from '../mesh.js';

/** Runs a script as root: by sudo where the login is not, as the agent does. */
export async function asRoot(
  runner: Runner,
  script: string,
  signal: AbortSignal,
): Promise<{readonly code: number | undefined; readonly out: string; readonly said: string}> {
  const body = `body=${shell([script])}
if [ "$(id -u)" = 0 ]; then eval "$body"; else printf '%s\\n' "$body" | sudo -n sh; fi
`;
  const {stdout, stderr, code} = await runner.run(body, [], {signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)])});
  return {code, out: stdout.toString(), said: stderr.trim().slice(0, 300)};
}

const CALL_MS = 30_000;
