import {randomBytes} from 'node:crypto';
import {hostname, userInfo} from 'node:os';
import type {ChangeHeader} from './agent.js';

/** A new change: an id that sorts by time, and who makes it. */
export function newHeader(title: string, nodes: readonly string[]): ChangeHeader {
  const since = new Date().toISOString();
  const stamp = since.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return {id: `${stamp}-${randomBytes(2).toString('hex')}`, title, operator: `${operator()}@${hostname()}`, since, nodes};
}

function operator(): string {
  if (process.env['SUDO_USER']) return process.env['SUDO_USER'];
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in passwd, as in many containers.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
