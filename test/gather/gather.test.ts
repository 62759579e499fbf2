import {execFileSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {type GatherEvent, gather} from '../../src/edge/gather/gather.js';
import {open as openLocal} from '../../src/edge/transports/local.js';
import {open as openNetns} from '../../src/edge/transports/netns.js';
import {type NodeAddress, TransportError} from '../../src/edge/transports/transport.js';
import {canMakeNodes, makeNode, type Node} from './node.js';

const transport = {sshHostKeys: 'strict', notice: () => undefined} as const;
const collect = async (nodes: AsyncIterable<NodeDump>): Promise<NodeDump[]> => {
  const all: NodeDump[] = [];
  for await (const node of nodes) all.push(node);
  return all;
};
const never = new AbortController().signal;

describe('the local transport', () => {
  it('runs a script with words that need no quoting, and gives its exit code', async () => {
    await using local = await openLocal({node: 'me', via: 'local'}, transport, never);
    const result = await local.run('printf "%s|" "$@"; echo oops >&2; exit 3\n', ["a b'c", '$HOME', ''], {signal: never});
    expect({...result, stdout: result.stdout.toString()}).toEqual({stdout: "a b'c|$HOME||", stderr: 'oops\n', code: 3});
  });

  it('ends all that was started when it is told to stop, and keeps what was printed', async () => {
    await using local = await openLocal({node: 'me', via: 'local'}, transport, never);
    const folder = mkdtempSync(join(tmpdir(), 'flanctl-gather-'));
    const script = `sleep 300 & echo $! >${folder}/pid; trap '' TERM; echo partial; wait; sleep 300; sleep 300\n`;
    const result = await local.run(script, [], {signal: AbortSignal.timeout(2500)});
    expect(result.stdout.toString()).toBe('partial\n');
    expect(result.code).toBeUndefined();
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim();
    await expect
      .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z'), {timeout: 5000})
      .toBe(false);
    rmSync(folder, {recursive: true});
    await expect(local.run('sleep 300\n', [], {signal: AbortSignal.timeout(100)})).rejects.toMatchObject({failure: {kind: 'timeout'}});
  });
});

it('the namespace transport knows a dead node', async () => {
  const pid = Number(execFileSync('sh', ['-c', 'echo $$'], {encoding: 'utf8'}));
  for (const address of [{pid}, {}, {pid: -1}]) {
    const error = await openNetns({node: 'gone', via: 'netns', ...address}, transport, never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TransportError);
    expect((error as TransportError).failure.kind).toBe('connect');
  }
});

describe.runIf(canMakeNodes)('gather', () => {
  const nodes: Node[] = [];
  const hanging = '#!/bin/sh\necho "[]"\nsleep 300\n';
  beforeAll(async () => {
    for (const name of ['one', 'hang', 'silent', 'garbage', 'five']) nodes.push(await makeNode(name));
    // Each node's tools are its own: a bind mount in its mount namespace.
    const replace = (node: Node, path: string, content: string): void => {
      node.sh(`cat >/run/bin/tool <<'END'\n${content}END\nchmod 755 /run/bin/tool\nmount --bind /run/bin/tool ${path}\n`);
    };
    replace(nodes[1]!, '/usr/sbin/nft', hanging);
    replace(nodes[2]!, '/usr/bin/id', hanging);
    replace(nodes[3]!, '/usr/bin/dash', '#!/bin/bash\nprintf "This account is \\033[31mclosed\\n"\necho sorry >&2\nexit 1\n');
  });
  afterAll(() => Promise.all(nodes.map((node) => node.stop())));

  const addresses = (): NodeAddress[] => [
    ...['one', 'hang', 'silent', 'garbage', 'five'].map((node, n) => ({node, via: 'netns' as const, pid: nodes[n]!.pid})),
    {node: 'gone', via: 'netns', pid: 2 ** 22 - 1},
  ];

  it('reads the good nodes whole, keeps what the others gave, and says what was wrong, in the order asked', async () => {
    const events: GatherEvent[] = [];
    const began = Date.now();
    const dumps = await collect(gather(addresses(), {transport, timeoutMs: 3000, onNode: (event) => events.push(event)}));
    expect(Date.now() - began).toBeLessThan(8000);
    expect(dumps.map((d) => [d.node, d.failure?.kind])).toEqual([
      ['one', undefined],
      ['hang', 'timeout'],
      ['silent', 'timeout'],
      ['garbage', 'exec'],
      ['five', undefined],
      ['gone', 'connect'],
    ]);
    const [one, hang, silent, garbage] = dumps;
    expect(one!.sections.find((s) => s.name === 'host')!.out).toContain('hostname=one');
    expect(one!.takenAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(hang!.sections.at(-1)).toMatchObject({name: 'nft', rc: -1, out: '[]\n'});
    expect(hang!.sections.find((s) => s.name === 'ip-addr')!.rc).toBe(0);
    expect(silent!.sections).toEqual([]);
    expect(garbage!.failure!.message).toContain('sorry');
    expect(garbage!.failure!.message).not.toContain('\u001b');
    expect(events.filter((e) => e.kind === 'started')).toHaveLength(6);
    expect(
      events
        .filter((e) => e.kind === 'failed')
        .map((e) => e.node)
        .sort(),
    ).toEqual(['garbage', 'gone', 'hang', 'silent']);
    // What hung was ended, on the node too.
    await expect.poll(() => nodes[1]!.sh('ps -eo args'), {timeout: 5000}).not.toContain('sleep 300');
  });

  it('reads no more nodes at a time than it may', async () => {
    let running = 0;
    let most = 0;
    const many = Array.from({length: 9}, (_, n) => ({node: `n${n}`, via: 'netns' as const, pid: nodes[0]!.pid}));
    const onNode = (event: GatherEvent): void => {
      running += event.kind === 'started' ? 1 : -1;
      most = Math.max(most, running);
    };
    const dumps = await collect(gather(many, {transport, concurrency: 3, only: ['ip-rule'], pods: 'none', onNode}));
    expect(dumps.map((d) => d.node)).toEqual(many.map((a) => a.node));
    expect(dumps[0]!.sections.map((s) => s.name)).toEqual(['host', 'ip-rule', 'skipped']);
    expect(most).toBe(3);
  });

  it('stops as a whole, with the reason of its signal', async () => {
    const began = Date.now();
    const running = collect(gather(addresses(), {transport, signal: AbortSignal.timeout(300)}));
    await expect(running).rejects.toMatchObject({name: 'TimeoutError'});
    expect(Date.now() - began).toBeLessThan(5000);
  });
});

it('a user may leave off early', async () => {
  for await (const dump of gather(
    [
      {node: 'me', via: 'local'},
      {node: 'again', via: 'local'},
    ],
    {transport, only: ['ip-link'], pods: 'none'},
  )) {
    expect(dump.sections.map((s) => s.name)).toEqual(['host', 'ip-link', 'skipped']);
    break;
  }
});
