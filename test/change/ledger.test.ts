import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {probeEnd} from '../../src/core/change/probe-ends.js';
import {Ledger} from '../../src/edge/change/ledger.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {connect, viewsOf} from './live.js';

const script = readFileSync(join(import.meta.dirname, '../../src/edge/change/ledger.sh'), 'utf8');

/** The awk program, as the script has it, on what a ping might print. */
function follow(lines: readonly string[], awk: readonly string[] = ['awk'], stopped = '/proc/no-such-file'): string {
  const program = /^follow='\n([\s\S]*?)\n'$/m.exec(script)![1]!;
  return execFileSync(awk[0]!, [...awk.slice(1), '-v', 'flow=7', '-v', 'interval=0.01', '-v', `stopfile=${stopped}`, program], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  }).trim();
}
const reply = (seq: number, at = seq / 100): string =>
  `[${(1000 + at).toFixed(6)}] 64 bytes from 10.244.2.2: icmp_seq=${seq % 65_536} ttl=62 time=0.1 ms`;
const upTo = (n: number, but: readonly number[] = []): string[] =>
  Array.from({length: n}, (_, i) => i + 1).flatMap((seq) => (but.includes(seq) ? [] : [reply(seq)]));
const ended = (sent: number, received: number): string => `${sent} packets transmitted, ${received} received, 0% packet loss, time 1ms`;

describe.each([['awk'], ['busybox', 'awk']])('what is read from a ping, with %s', (...awk) => {
  const seen = (lines: readonly string[]) => follow(lines, awk);
  test('all came back', () => expect(seen([...upTo(300), ended(300, 300)])).toBe('7 seen 300 300 0 0 0'));
  test('the last of those under way are not counted', () => expect(seen([...upTo(300), ended(310, 300)])).toBe('7 seen 300 300 0 0 0'));
  test('an outage at the end is', () =>
    expect(seen([...upTo(300), ended(400, 300)])).toMatch(/^7 seen 400 300 0 0 100 100:1003\.000:1\.000$/));
  test('gaps, the largest first, each with its time', () => {
    expect(seen([...upTo(300, [50, 100, 101, 102]), ended(300, 296)])).toBe('7 seen 300 296 0 0 4 3:1000.990:0.040,1:1000.490:0.020');
  });
  test('the first are lost', () => expect(seen([...upTo(300, [1, 2]), ended(300, 298)])).toBe('7 seen 300 298 0 0 2 2:1000.030:0.000'));
  test('what comes late is not lost but reordered, what comes twice is neither', () => {
    const lines = [...upTo(99), reply(101), reply(102), reply(100), reply(102), reply(103), `${reply(103)} (DUP!)`];
    expect(seen([...lines, ended(103, 103)])).toBe('7 seen 103 103 1 2 0');
  });
  test('numbers that wrap, with a gap across the wrap', () => {
    const lines = upTo(65_600, [65_535, 65_536, 65_537]);
    expect(seen([...lines, ended(65_600, 65_597)])).toMatch(/^7 seen 65600 65597 0 0 3 3:/);
  });
  test('errors of the network are lost packets; an error of ping is not measured', () => {
    expect(seen([...upTo(100), '[1001.5] From 10.244.1.1 icmp_seq=101 Destination Host Unreachable', ended(200, 100)])).toMatch(
      /^7 seen 200 100 0 0 100 /,
    );
    expect(seen(['ping: connect: Network is unreachable'])).toBe('7 not ping: connect: Network is unreachable');
    expect(seen([ended(500, 0)])).toMatch(/^7 seen 500 0 0 0 500 500:/);
    expect(seen([''])).toBe('7 not ping ended by itself');
  });
});

/** What the ledger leaves on the nodes: processes and files. */
async function left(lab: Lab): Promise<string> {
  const found = await Promise.all(
    lab.nodes.map(({name}) =>
      runIn(
        lab,
        name,
        'ls -d /run/flanctl-ledger* 2>/dev/null; for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done | grep -e "^[p]ing" -e "[a]wk "; true',
      ),
    ),
  );
  return found.map((ran) => ran.stdout).join('');
}

describe.skipIf(!labsWork)('the loss ledger', () => {
  const labs = testLabs();
  const {signal} = new AbortController();

  test.each([
    ['in its namespaces', false],
    ['over SSH', true],
  ])('%s: counts what a gap takes, for the pairs concerned, and leaves nothing', async (_, ssh) => {
    const lab = await labs.up({name: ssh ? 'led-ssh' : 'led-ns', dualStack: true, ssh, pods: 1});
    await using runners = await connect(lab);
    const ends = (await viewsOf(lab)).map((view) => probeEnd(view)!);
    const quiet = await Ledger.open(runners, ends, {id: 'quiet', signal});
    await sleep(1500);
    const calm = await quiet.close();
    expect(calm.notMeasured).toEqual([]);
    expect(calm.flows).toHaveLength(12);
    expect(calm.flows.filter((f) => f.lost + f.reordered + f.duplicated > 0)).toEqual([]);
    expect(Math.min(...calm.flows.map((f) => f.sent))).toBeGreaterThan(20);
    expect(await quiet.close()).toBe(calm);
    expect(await left(lab)).toBe('');

    const ledger = await Ledger.open(runners, ends, {id: 'gap', signal});
    await sleep(500);
    const began = Date.now() / 1000;
    const gap = 'r=$(ip route show 10.244.2.0/24); ip route del 10.244.2.0/24; sleep 1; ip route add $r';
    expect(await runIn(lab, 'n1', gap)).toMatchObject({code: 0, stderr: ''});
    await sleep(500);
    const seen = await ledger.close();
    expect(seen.notMeasured).toEqual([]);
    const hurt = seen.flows.filter((f) => f.lost > 0);
    expect(hurt.map((f) => `${f.from} ${f.to} ${f.family}`).toSorted()).toEqual(['n1 n2 4', 'n2 n1 4']);
    for (const {lost, gaps} of hurt) {
      expect(lost).toBeGreaterThan(20);
      expect(gaps.reduce((n, g) => n + g.lost, 0)).toBe(lost);
      expect(gaps[0]!.at).toBeGreaterThan(began - 1);
      expect(gaps[0]!.seconds).toBeGreaterThan(0.9);
    }
    expect(seen.total.lost).toBe(hurt[0]!.lost + hurt[1]!.lost);
    expect(await left(lab)).toBe('');
  });

  test('ends by itself when flanctl is gone; the count is then not known, and not 0', async () => {
    const lab = await labs.up({name: 'led-gone', backend: 'host-gw', nodes: 2, pods: 1});
    await using runners = await connect(lab);
    const ends = (await viewsOf(lab)).map((view) => probeEnd(view)!);
    // It asks to be extended after two thirds of a day, which is as good as gone.
    const mute = new Map(
      [...runners].map(([node, r]) => [
        node,
        {
          node,
          run: (s: string, args: readonly string[], o: {signal: AbortSignal}) =>
            args[0] === 'extend' ? Promise.resolve({stdout: Buffer.from(''), stderr: '', code: 0}) : r.run(s, args, o),
        },
      ]),
    );
    const ledger = await Ledger.open(mute, ends, {id: 'gone', ttl: 2, signal});
    expect(await left(lab)).toContain('ping -D');
    await expect.poll(() => left(lab), {timeout: 20_000, interval: 500}).toBe('');
    const seen = await ledger.close();
    expect(seen.flows).toEqual([]);
    expect(seen.notMeasured.map((f) => f.why)).toEqual([
      'n1 lost its count: nobody extended its time',
      'n2 lost its count: nobody extended its time',
    ]);
  });

  test('a node without the right ping, without the pod, or out of reach is not measured', async () => {
    const lab = await labs.up({name: 'led-not', backend: 'host-gw', pods: 1});
    await using runners = await connect(lab);
    const ends = (await viewsOf(lab)).map((view) => probeEnd(view)!);
    const bare =
      'mkdir -p /run/b && printf "#!/bin/sh\\nexec busybox ping \\"\\$@\\"\\n" > /run/b/ping && chmod +x /run/b/ping && mount --bind /run/b/ping "$(command -v ping)"';
    expect(await runIn(lab, 'n1', bare)).toMatchObject({code: 0});
    expect(await runIn(lab, 'n2-p1', 'ip addr flush dev eth0')).toMatchObject({code: 0});
    const without = new Map([...runners].filter(([node]) => node !== 'n3'));
    const ledger = await Ledger.open(without, ends, {id: 'not', signal});
    await sleep(300);
    const seen = await ledger.close();
    expect(seen.flows).toEqual([]);
    expect([...new Set(seen.notMeasured.map((f) => f.why))].toSorted()).toEqual([
      'n3 is not connected',
      'ping is not there, or not that of iputils: it cannot number its packets and tell the time',
      'the pod with 10.244.2.2 is gone',
    ]);
    expect(await left(lab)).toBe('');
  });
});
