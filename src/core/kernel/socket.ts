import type {Ip} from '../net/address.js';
import type {ParseContext, Parsed, ParseProblem, Sourced} from './table.js';
import {ipIn} from './words.js';

/** A listening UDP socket. */
export interface SocketRow extends Sourced {
  /** `0.0.0.0` or `::` when it listens on every address. */
  readonly local: Ip;
  readonly port: number;
  /** The device it is bound to (`127.0.0.53%lo`). */
  readonly dev?: string;
  /** The program's name; absent for sockets of the kernel (VXLAN, WireGuard) and for those that the reader may not see. */
  readonly process?: string;
  readonly v6?: boolean;
}

const endpoint = /^(\[[^\]]+\]|[^[\]\s]*?)(?:%([^\s:]+))?:(\d+|\*)$/;

/**
 * Reads `ss -lunp`, with its header or without (`-H`): state, queues, local, peer, `users:(("flanneld",pid=1,fd=9))`. Never throws.
 */
export function parseSockets(output: string, context: ParseContext): Parsed<SocketRow> {
  const rows: SocketRow[] = [];
  const problems: ParseProblem[] = [];
  const lines = output.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').trim();
    if (line === '' || /^(?:State|Netid)\s/.test(line)) continue;
    const row = readLine(line);
    if (typeof row === 'string') problems.push({command: context.command, line: i + 1, text: line.slice(0, 500), why: row});
    else rows.push({...row, origin: {command: context.command, line: i + 1, raw: line}});
  }
  return {rows, problems};
}

function readLine(line: string): SocketRow | string {
  const words = line.split(/\s+/);
  // `ss` writes the protocol first when it was asked for several.
  if (/^(?:udp|tcp)6?$/.test(words[0] ?? '')) words.shift();
  const [, text = '', dev, portText] = endpoint.exec(words[3] ?? '') ?? [];
  const port = Number(portText);
  // `*` is an IPv6 socket that takes IPv4 too.
  const bracketed = text.startsWith('[') ? text.slice(1, -1) : text;
  const local = text === '*' ? '::' : ipIn(bracketed);
  if (local === undefined || !Number.isInteger(port) || port > 65535) return 'not a line of "ss -lun": no local address and port';
  const process = /users:\(\("([^"]*)"/.exec(line)?.[1];
  return {
    local,
    port,
    ...(dev === undefined ? {} : {dev}),
    ...(process === undefined ? {} : {process}),
    ...(local.includes(':') ? {v6: true} : {}),
  };
}
