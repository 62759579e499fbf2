import {execFileSync} from 'node:child_process';
import {mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import zlib from 'node:zlib';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {readSnapshot} from '../../src/edge/snapshots/read.js';
import {writeSnapshot} from '../../src/edge/snapshots/write.js';
import {Failure} from '../../src/failure.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flanctl-snapshots-'));
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const meta = {takenAt: '2026-01-02T03:04:05.000Z', tool: 'flanctl/0.1.0'};
const dumps: readonly NodeDump[] = Array.from({length: 40}, (_, n) => ({
  node: `worker-${n}`,
  takenAt: meta.takenAt,
  via: `ssh root@10.0.0.${n}:22`,
  sections: [
    {name: 'ip-neigh', command: 'ip -j -4 neigh show', rc: 0, out: `[{"dst":"10.244.${n}.0"}]\n`},
    {name: 'subnet.env', command: 'cat /run/flannel/subnet.env', rc: 1, out: '', err: 'cat: no such file: ünïcode \u0000 \u001b[31m'},
    // Longer than one chunk of the reader, and with a character of three bytes wherever a chunk may end.
    {name: 'sysctl', command: 'sysctl', rc: 0, out: '€'.repeat(20_000 + n)},
  ],
  ...(n === 7 && {failure: {kind: 'timeout', message: 'did not answer'}}),
}));

const collect = async (nodes: AsyncIterable<NodeDump>): Promise<NodeDump[]> => {
  const all: NodeDump[] = [];
  for await (const node of nodes) all.push(node);
  return all;
};

const failureOf = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => expect.unreachable('no failure'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(Failure);
      return error as Failure;
    },
  );

describe('a snapshot file', () => {
  it.each(['c.ndjson.br', 'c.ndjson.gz', 'c.ndjson'])('%s comes back as it was written, twice', async (name) => {
    const file = join(folder, name);
    expect(await writeSnapshot(file, dumps, meta)).toBe(40);
    const snapshot = await readSnapshot(file);
    expect(snapshot.header).toEqual({apiVersion: 'flanctl.dev/v1alpha1', kind: 'Snapshot', ...meta});
    expect(await collect(snapshot.nodes())).toEqual(dumps);
    expect(await collect(snapshot.nodes())).toEqual(dumps);
  });

  it('is known by its content, whatever it is called', async () => {
    for (const [from, to] of [
      ['c.ndjson.br', 'b.bin'],
      ['c.ndjson.gz', 'g.br'],
      ['c.ndjson', 'p.gz'],
    ] as const) {
      await writeFile(join(folder, to), await readFile(join(folder, from)));
      expect(await collect((await readSnapshot(join(folder, to))).nodes())).toHaveLength(40);
    }
  });

  it('can be left in the middle', async () => {
    const snapshot = await readSnapshot(join(folder, 'c.ndjson.br'));
    for await (const {node} of snapshot.nodes()) {
      expect(node).toBe('worker-0');
      break;
    }
    expect(await collect(snapshot.nodes())).toHaveLength(40);
  });

  it.each(['c.ndjson.br', 'c.ndjson.gz', 'c.ndjson'])('cut off, %s is a failure that names file and line', async (name) => {
    const file = join(folder, `cut-${name}`);
    const whole = await readFile(join(folder, name));
    await writeFile(file, whole);
    await truncate(file, Math.floor(whole.length / 2));
    const failure = await failureOf(readSnapshot(file).then((s) => collect(s.nodes())));
    expect(failure.message).toContain(file);
    expect(failure.message).toMatch(/line \d+: .*cut off or damaged/);
  });

  it.each([
    ['nothing', '', /is empty/],
    ['prose', 'Dear colleague,\n', /not a snapshot|damaged/],
    ['another kind', '{"apiVersion":"flanctl.dev/v1alpha1","kind":"Report"}\n', /not a snapshot.*"Report"/],
    ['another version', '{"apiVersion":"flanctl.dev/v9","kind":"Snapshot"}\n', /flanctl\.dev\/v9/],
    [
      'a bad node',
      '{"apiVersion":"flanctl.dev/v1alpha1","kind":"Snapshot"}\n{"node":"a","via":"x","sections":[{}]}\n',
      /line 2: .*section 1/,
    ],
  ])('that holds %s is a failure', async (_, content, message) => {
    const file = join(folder, 'odd');
    await writeFile(file, content);
    expect((await failureOf(readSnapshot(file).then((s) => collect(s.nodes())))).message).toMatch(message);
  });

  it('is left as it was when the nodes fail half way, and no temporary file stays', async () => {
    const own = join(folder, 'own');
    await mkdir(own);
    const file = join(own, 'keep.ndjson.br');
    await writeSnapshot(file, dumps, meta);
    const before = await readFile(file);
    async function* broken(): AsyncGenerator<NodeDump> {
      yield dumps[0]!;
      throw new Error('interrupted');
    }
    await expect(writeSnapshot(file, broken(), meta)).rejects.toThrow('interrupted');
    expect(await readFile(file)).toEqual(before);
    expect(await readdir(own)).toEqual(['keep.ndjson.br']);
  });

  it('that cannot be written is a failure that names the place', async () => {
    const failure = await failureOf(writeSnapshot(join(folder, 'nowhere', 'x.br'), dumps, meta));
    expect(failure.message).toContain(join(folder, 'nowhere', 'x.br'));
    const directory = join(folder, 'a-folder.br');
    await mkdir(directory);
    expect((await failureOf(writeSnapshot(directory, dumps, meta))).message).toContain('cannot be written');
  });

  it.runIf(process.getuid?.() === 0)('on a full disk is a failure, and nothing of it stays', async () => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      expect((await failureOf(writeSnapshot(join(disk, 'x.ndjson'), dumps, meta))).message).toMatch(/ENOSPC/);
      expect(await readdir(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('that is not there is a failure', async () => {
    expect((await failureOf(readSnapshot(join(folder, 'not-there')))).message).toContain('not-there');
  });

  it('compressed with zstd is read, or said to be too new for this Node', async () => {
    const file = join(folder, 'c.ndjson.zst');
    await writeFile(file, execFileSync('zstd', ['-qc', join(folder, 'c.ndjson')], {maxBuffer: 1e9}));
    if ('createZstdDecompress' in zlib) expect(await collect((await readSnapshot(file)).nodes())).toEqual(dumps);
    else expect((await failureOf(readSnapshot(file))).hints.join(' ')).toContain(`zstd -d ${file}`);
  });
});

describe('a folder', () => {
  const make = async (name: string, files: {readonly [path: string]: string | Buffer}): Promise<string> => {
    const root = join(folder, name);
    await mkdir(root, {recursive: true});
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(root, path, '..'), {recursive: true});
      await writeFile(join(root, path), content);
    }
    return root;
  };

  it('of pasted listings is a node a folder, with records beside them', async () => {
    const root = await make('ticket', {
      'node-b/ip-route.txt': '\ufeffdefault via 10.0.0.1 dev eth0\r\n',
      'node-b/subnet.env': 'FLANNEL_MTU=1450\n',
      'node-a/ip-route-all.json': '[]\n',
      'node-a/ip-route-all.txt': 'default via 10.0.0.1\n',
      'node-a/cni/10-flannel.conflist': '{}',
      'node-a/pods/web-1/ip-addr.txt': '1: lo\n',
      'node-a/notes.md': 'it broke on Tuesday',
      'node-c/ip-neigh.txt': Buffer.from('\ufeff10.0.0.1 dev eth0\n', 'utf16le'),
      'inventory.yaml': 'nodes: []\n',
      'pods.json': '{}',
      'README.txt': 'hello',
      'empty/readme': 'x',
    });
    await symlink('/etc/shadow', join(root, 'node-a', 'ip-rule.txt'));
    await mkdir(join(root, 'evil\u001b[2J'));
    const snapshot = await readSnapshot(root);
    expect(snapshot.extras).toEqual({'inventory.yaml': 'nodes: []\n', 'pods.json': '{}'});
    expect(await collect(snapshot.nodes())).toEqual([
      {
        node: 'node-a',
        via: 'folder',
        sections: [
          {name: 'ip-route-all', command: 'node-a/ip-route-all.json', rc: 0, out: '[]\n'},
          {name: 'cni/10-flannel.conflist', command: 'node-a/cni/10-flannel.conflist', rc: 0, out: '{}'},
          {name: 'pods/web-1/ip-addr', command: 'node-a/pods/web-1/ip-addr.txt', rc: 0, out: '1: lo\n'},
        ],
      },
      {
        node: 'node-b',
        via: 'folder',
        sections: [
          {name: 'ip-route', command: 'node-b/ip-route.txt', rc: 0, out: 'default via 10.0.0.1 dev eth0\n'},
          {name: 'subnet.env', command: 'node-b/subnet.env', rc: 0, out: 'FLANNEL_MTU=1450\n'},
        ],
      },
      {node: 'node-c', via: 'folder', sections: [{name: 'ip-neigh', command: 'node-c/ip-neigh.txt', rc: 0, out: '10.0.0.1 dev eth0\n'}]},
    ]);
    const said = snapshot.notices.join('\n');
    for (const word of ['node-a/notes.md', 'node-a/ip-rule.txt', 'ip-route-all.txt', 'README.txt', 'empty/']) expect(said).toContain(word);
    expect(said).toContain('evil\\x1b[2J');
    expect(said).not.toContain('\u001b');
    expect(await collect(snapshot.nodes())).toHaveLength(3);
  });

  it('with the listings in it is one node, named after it', async () => {
    const root = await make('node-z', {'ip-route.txt': 'a\n', 'cni/x.conf': '{}', 'pods/p/ip-neigh.txt': '', 'what.bin': ''});
    const snapshot = await readSnapshot(`${root}/`);
    const [node, ...others] = await collect(snapshot.nodes());
    expect(others).toEqual([]);
    expect(node!.node).toBe('node-z');
    expect(node!.sections.map((s) => s.name)).toEqual(['ip-route', 'cni/x.conf', 'pods/p/ip-neigh']);
    expect(snapshot.notices).toEqual(['what.bin was passed over: not a name flanctl knows']);
  });

  it('of dumps names each by its host section, or by its file', async () => {
    const dump = (host: string, mark: string): string =>
      `#flanctl-dump 1 ${mark}\n${mark}@ host uname\nhostname=${host}\n\n${mark}= host 0\n${mark}. end\n`;
    const root = await make('dumps', {
      'a.dump': dump('one', 'aaaaaaaa'),
      'b.dump': dump('one', 'bbbbbbbb'),
      'c.dump': dump('two', 'cccccccc') + dump('three', 'dddddddd'),
      'd.dump': 'ssh: connect to host d: No route to host\n',
      'e.dump': dump('e\u001b[2J', 'eeeeeeee').slice(0, -14),
    });
    const nodes = await collect((await readSnapshot(root)).nodes());
    expect(nodes.map((n) => [n.node, n.failure?.kind])).toEqual([
      ['one', undefined],
      ['b', undefined],
      ['two', undefined],
      ['three', undefined],
      ['d', 'exec'],
      ['e', 'truncated'],
    ]);
    expect(nodes[4]!.failure!.message).toContain('No route to host');
    const alone = await collect((await readSnapshot(join(root, 'c.dump'))).nodes());
    expect(alone.map((n) => n.node)).toEqual(['two', 'three']);
  });

  it('with nothing in it is a failure that says what belongs there', async () => {
    const failure = await failureOf(readSnapshot(await make('void', {})));
    expect(failure.hints.join(' ')).toMatch(/\.dump.*ip-route\.txt/);
  });
});
