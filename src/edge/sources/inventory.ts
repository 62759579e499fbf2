import {readFile} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import {LineCounter, parseDocument} from 'yaml';
import * as z from 'zod';
import type {Inventory, InventoryNode} from '../../core/model/inventory.js';
import {tryIp, tryMac} from '../../core/net/address.js';
import {tryPrefix} from '../../core/net/prefix.js';
import {Failure} from '../../failure.js';

const address = z
  .string()
  .refine((t) => tryIp(t) !== undefined, 'not an IP address')
  .transform((t) => tryIp(t)!);
const subnet = z
  .string()
  .refine((t) => t.includes('/') && tryPrefix(t) !== undefined, 'not a prefix such as 10.244.1.0/24')
  .transform((t) => tryPrefix(t)!);
const hardware = z
  .string()
  .refine((t) => tryMac(t) !== undefined, 'not a hardware address')
  .transform((t) => tryMac(t)!);
const port = z.int().min(1).max(65_535);

const Node = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[^\s/\p{Cc}]+$/u, 'a node name has no blanks and no slash'),
  via: z.union([z.enum(['local', 'ssh', 'netns', 'kube', 'debug']), z.array(z.enum(['ssh', 'kube', 'debug'])).min(1)]).default('ssh'),
  host: z
    .string()
    .min(1)
    .regex(/^[^-\s][^\s]*$/, 'a host name or address')
    .optional(),
  user: z
    .string()
    .regex(/^[^-\s][^\s]*$/, 'a user name')
    .optional(),
  port: port.optional(),
  pid: z.int().min(1).optional(),
  lease: z
    .strictObject({
      subnet: subnet.optional(),
      ipv6Subnet: subnet.optional(),
      publicIP: address.optional(),
      publicIPv6: address.optional(),
      vtepMAC: hardware.optional(),
      vtepMACv6: hardware.optional(),
      publicKey: z
        .string()
        .regex(/^[A-Za-z0-9+/]{43}=$/, 'a WireGuard public key')
        .optional(),
      wgPort: port.optional(),
      wgPortV6: port.optional(),
    })
    .optional(),
});

/** The file's schema, from which docs/schema/inventory.json is made too. */
export const InventorySchema = z.strictObject({
  apiVersion: z.literal('flanctl.dev/v1alpha1'),
  kind: z.literal('Inventory'),
  name: z.string().optional(),
  netConf: z.record(z.string(), z.unknown()).optional(),
  ssh: z.strictObject({config: z.string().optional(), user: z.string().optional(), port: port.optional()}).optional(),
  nodes: z.array(Node).min(1, 'needs at least one node'),
});

/**
 * Reads an inventory file.
 * @throws Failure with the file, the line and what is wrong with every entry that does not fit.
 */
export async function readInventory(file: string): Promise<Inventory> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`cannot read the inventory ${file}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`);
  });
  return parseInventory(text, file);
}

export function parseInventory(text: string, file: string): Inventory {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false, uniqueKeys: true});
  if (document.errors.length > 0) {
    throw new Failure(`${file} is not YAML`, {
      hints: document.errors.map((e) => `line ${lines.linePos(e.pos[0]).line}: ${e.message.split('\n')[0]}`),
    });
  }
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let n = path.length; n >= 0; n--) {
      const node = document.getIn(path.slice(0, n) as unknown[], true) as {range?: [number, number, number]} | undefined;
      if (node?.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const read = InventorySchema.safeParse(document.toJS());
  if (!read.success) {
    throw new Failure(`${file} is not a valid inventory`, {
      hints: read.error.issues.map((issue) => {
        const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
        return `line ${lineOf(path)}: ${path.map(String).join('.') || 'top level'}: ${issue.message}`;
      }),
    });
  }
  const names = new Set<string>();
  for (const [index, node] of read.data.nodes.entries()) {
    if (names.has(node.name)) throw new Failure(`${file}, line ${lineOf(['nodes', index, 'name'])}: node ${node.name} is listed twice`);
    names.add(node.name);
    if (node.via === 'netns' && node.pid === undefined)
      throw new Failure(`${file}, line ${lineOf(['nodes', index])}: node ${node.name}: via netns needs a pid`);
  }
  const {ssh, name, netConf, nodes} = read.data;
  return {
    source: file,
    ...(name !== undefined && {name}),
    ...(netConf !== undefined && {netConf}),
    ...(ssh && {
      ssh: {
        ...(ssh.config !== undefined && {config: resolve(dirname(file), ssh.config)}),
        ...(ssh.user !== undefined && {user: ssh.user}),
        ...(ssh.port !== undefined && {port: ssh.port}),
      },
    }),
    nodes: nodes.map((node) => withoutUndefined(node) as unknown as InventoryNode),
  };
}

function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, withoutUndefined(v)]])));
}
