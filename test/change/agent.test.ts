import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {ChangeHeader, NodeAgent, NodeJournal} from '../../src/edge/change/agent.js';
import {agentCall, agentScript, stepFile} from '../../src/edge/change/agent-script.js';
import {readJournals} from '../../src/edge/change/read-journals.js';
import {enter, runIn} from '../../src/edge/lab/exec.js';
import {run} from '../../src/edge/lab/shell.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {agents} from './change.js';
import {handMade} from './hand-made.js';
import {leftovers, tables} from './tables.js';

let count = 0;
const header = (lab: Lab, title = 'vxlan to host-gw'): ChangeHeader => ({
  id: `20261121-1015${String(count++).padStart(2, '0')}-test`,
  title,
  operator: 'mary@desk',
  since: '2026-11-21T10:15:00.000Z',
  nodes: lab.nodes.map((n) => n.name),
});

async function until<T>(what: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what.toString()}`);
    await sleep(200);
  }
}

const journal = async (agent: NodeAgent, id: string): Promise<NodeJournal | undefined> =>
  (await agent.journals()).find((j) => j.header.id === id);

for (const kind of ['netns', 'ssh'] as const) {
  describe.skipIf(!labsWork)(`the agent over ${kind}`, () => {
    const labs = testLabs();
    let lab: Lab;
    let node: LabNode;
    let agent: NodeAgent;
    let other: NodeAgent;
    let before: readonly string[];
    beforeAll(async () => {
      lab = await labs.up({name: `ag-${kind}`, nodes: 2, pods: 1, ssh: kind === 'ssh'});
      node = lab.nodes[0]!;
      agent = (await agents(lab, {graceSeconds: 1})).get('n1')!;
      other = (await agents(lab)).get('n1')!;
      before = await tables(lab, 'n1');
    });
    afterAll(async () => {
      await agent?.[Symbol.asyncDispose]();
      await other?.[Symbol.asyncDispose]();
    });
    const clean = async (): Promise<void> => {
      expect(await tables(lab, 'n1')).toEqual(before);
      // Under a guard that was killed a sleep of one second runs out.
      await until(async () => (await leftovers(lab, 'n1')).every((l) => !l.startsWith('sleep')), 5);
      expect(await leftovers(lab, 'n1')).toEqual([]);
    };

    test('is armed, runs and undoes every stage from every cut point, and leaves nothing', async () => {
      const steps = handMade(lab, node);
      for (let cut = 0; cut <= steps.length; cut++) {
        const change = header(lab);
        expect(await agent.arm(change, 60)).toEqual({kind: 'armed'});
        for (const step of steps.slice(0, cut)) expect(await agent.run(change.id, step)).toEqual({kind: 'done'});
        if (cut > 0) expect(await tables(lab, 'n1')).not.toEqual(before);
        const ran = steps.slice(0, cut).map((s) => s.stage);
        expect(await agent.undo(change.id, ran.toReversed())).toEqual({failed: []});
        await agent.finish(change.id, 'rolled-back');
        await clean();
        const kept = await journal(agent, change.id);
        expect(kept).toMatchObject({header: change, outcome: 'rolled-back', guard: {alive: false, seconds: null}, log: []});
        expect(kept!.steps.map((s) => [s.stage, s.state])).toEqual(ran.map((s) => [s, 'undone']));
      }
    });

    test('says who holds the lock and since when, also when he left the change open', async () => {
      const change = header(lab);
      expect(await agent.arm(change, 60)).toEqual({kind: 'armed'});
      const mine = header(lab, 'another');
      expect(await other.arm(mine, 60)).toEqual({kind: 'held', header: change, guard: 'alive'});
      expect(await journal(other, mine.id)).toBeUndefined();
      expect((await journal(other, change.id))!.guard).toEqual({alive: true, seconds: expect.any(Number)});
      await runIn(lab, 'n1', `kill -9 $(cat /var/lib/flanctl/changes/${change.id}/guard)`);
      expect(await other.arm(mine, 60)).toEqual({kind: 'held', header: change, guard: 'gone'});
      expect(await agent.extend(change.id, 60, 'applying')).toBe(false);
      expect(await agent.run(change.id, handMade(lab, node)[0]!)).toEqual({kind: 'expired'});
      expect(await other.unlock()).toEqual([change.id]);
      expect(await other.arm(mine, 60)).toEqual({kind: 'armed'});
      await other.finish(mine.id, 'done');
      await clean();
    });

    test('who takes a change over shuts the former out', async () => {
      const change = header(lab);
      await agent.arm(change, 60);
      expect(await other.arm(change, 60, 'keep')).toEqual({kind: 'armed'});
      expect(await agent.run(change.id, handMade(lab, node)[0]!)).toEqual({kind: 'expired'});
      expect(await agent.extend(change.id, 60, 'final')).toBe(false);
      expect((await agent.undo(change.id, [0])).failed).toHaveLength(1);
      await other.finish(change.id, 'done');
      await clean();
    });

    test('a line that fails ends the step and is named; what had run is undone', async () => {
      const change = header(lab);
      await agent.arm(change, 60);
      const [, build] = handMade(lab, node);
      const lines = ['link add probe0 type bridge', 'link set nosuch0 up', 'address add 198.51.100.9/32 dev probe0'];
      const ran = await agent.run(change.id, {...build!, run: [{tool: 'ip', lines}]});
      expect(ran).toEqual({kind: 'failed', why: 'ip link set nosuch0 up: Cannot find device "nosuch0"'});
      expect(await tables(lab, 'n1')).not.toEqual(before);
      expect((await runIn(lab, 'n1', 'ip addr show probe0')).stdout).not.toContain('198.51.100.9');
      expect((await journal(agent, change.id))!.steps).toMatchObject([{stage: 1, state: 'failed'}]);
      expect(await agent.undo(change.id, [1])).toEqual({failed: []});
      const shell = await agent.run(change.id, {
        ...build!,
        run: [{tool: 'sh', lines: ['true', 'echo "it\'s" broken >&2; false', 'touch /run/no']}],
      });
      expect(shell).toEqual({kind: 'failed', why: `sh echo "it's" broken >&2; false: it's broken`});
      expect((await runIn(lab, 'n1', 'ls /run/no')).code).not.toBe(0);
      expect(await agent.undo(change.id, [1])).toEqual({failed: []});
      await agent.finish(change.id, 'rolled-back');
      await clean();
    });

    test('an undo that cannot be done is named with its line, and the rest is undone all the same', async () => {
      const change = header(lab);
      await agent.arm(change, 60);
      const step = handMade(lab, node)[1]!;
      const undo = [
        {tool: 'ip' as const, lines: ['route replace 203.0.113.0/24 via 192.0.2.1 dev nosuch0', 'link del probe0', 'link del probe0']},
        // A setting of a device that has gone went with it.
        {tool: 'sh' as const, lines: ['echo 2 > /proc/sys/net/ipv4/conf/nosuch0/rp_filter']},
      ];
      expect(await agent.run(change.id, {...step, undo})).toEqual({kind: 'done'});
      expect((await agent.undo(change.id, [1])).failed).toEqual([
        'ip route replace 203.0.113.0/24 via 192.0.2.1 dev nosuch0: Cannot find device "nosuch0"',
      ]);
      expect((await journal(agent, change.id))!.steps).toMatchObject([{state: 'undo-failed'}]);
      await agent.finish(change.id, 'rolled-back');
      await clean();
    });

    test('who asked is gone when an undo has something to say: it comes to its end', async () => {
      const change = header(lab);
      await agent.arm(change, 60);
      const step = handMade(lab, node)[1]!;
      const undo = [
        {tool: 'ip' as const, lines: ['link set nosuch0 up']},
        {tool: 'sh' as const, lines: ['false']},
        {tool: 'ip' as const, lines: ['link del probe0']},
      ];
      expect(await agent.run(change.id, {...step, undo})).toEqual({kind: 'done'});
      const owner = (await runIn(lab, 'n1', `cat /var/lib/flanctl/changes/${change.id}/owner`)).stdout.trim();
      const call = `{ sleep 0.3; sh -s -- undo ${change.id} ${owner} 0001; } | true; sleep 2`;
      await run([...(await enter(lab, 'n1')), 'sh', '-c', call], {input: agentCall(await agentScript())});
      expect((await journal(agent, change.id))!.steps).toMatchObject([{stage: 1, state: 'undo-failed'}]);
      await agent.finish(change.id, 'rolled-back');
      await clean();
    });

    test('the timer restores the tables when nobody extends, the flips first and the rest after the grace', async () => {
      const change = header(lab);
      const slow = (await agents(lab, {graceSeconds: 5})).get('n1')!;
      await slow.arm(change, 20);
      for (const step of handMade(lab, node).slice(0, 3)) expect(await slow.run(change.id, step)).toEqual({kind: 'done'});
      expect(await slow.extend(change.id, 1, 'applying')).toBe(true);
      const half = await until(async () => {
        const now = await journal(slow, change.id);
        return now?.steps[2]?.state === 'undone' && now;
      });
      expect(half.steps.map((s) => s.state)).toEqual(['done', 'done', 'undone']);
      expect(await slow.run(change.id, handMade(lab, node)[3]!)).toEqual({kind: 'expired'});
      expect(await slow.extend(change.id, 60, 'applying')).toBe(false);
      const over = await until(async () => (await journal(slow, change.id))?.outcome === 'timed-out' && journal(slow, change.id));
      expect(over.steps.map((s) => s.state)).toEqual(['undone', 'undone', 'undone']);
      await until(async () => !(await journal(slow, change.id))!.guard.alive);
      expect(await tables(lab, 'n1')).toEqual(before);
      await slow.finish(change.id, 'timed-out');
      await slow[Symbol.asyncDispose]();
      await clean();
    });

    test('once final the timer takes back the routes only; once committed nothing; both let go of the lock', async () => {
      for (const progress of ['final', 'committed'] as const) {
        const change = header(lab);
        await agent.arm(change, 20);
        const steps = handMade(lab, node).slice(0, 3);
        for (const step of steps) await agent.run(change.id, step);
        expect(await agent.extend(change.id, 1, progress)).toBe(true);
        await until(async () => !(await journal(agent, change.id))!.guard.alive);
        const now = (await journal(agent, change.id))!;
        expect(now).toMatchObject({outcome: 'open', progress});
        expect(now.steps.map((s) => s.state)).toEqual(['done', 'done', progress === 'final' ? 'undone' : 'done']);
        expect((await runIn(lab, 'n1', 'ip route')).stdout.includes('dev flannel.1')).toBe(progress === 'final');
        expect(await agent.arm(change, 60, 'keep')).toEqual({kind: 'armed'});
        expect(await agent.undo(change.id, [2, 1, 0])).toEqual({failed: []});
        await agent.finish(change.id, 'rolled-back');
        await clean();
      }
    });

    test('kill -9 of what runs a step: the timer undoes what had been done of it', async () => {
      const change = header(lab);
      await agent.arm(change, 20);
      const step = handMade(lab, node)[1]!;
      const run = [...step.run, {tool: 'sh' as const, lines: ['sleep 300']}];
      const running = agent.run(change.id, {...step, run}).catch((error: Error) => error);
      const pid = await until(async () => {
        const ran = await runIn(lab, 'n1', `ip link show probe0 && head -1 /var/lib/flanctl/changes/${change.id}/running`);
        return ran.code === 0 && /^(\d+) *$/m.exec(ran.stdout.trim().split('\n').at(-1)!)?.[1];
      });
      expect((await runIn(lab, 'n1', `kill -9 -${pid}`)).code).toBe(0);
      await running;
      expect((await journal(agent, change.id))!.steps).toMatchObject([{state: 'begun'}]);
      expect(await agent.extend(change.id, 1, 'applying')).toBe(true);
      await until(async () => (await journal(agent, change.id))!.outcome === 'timed-out');
      await until(async () => !(await journal(agent, change.id))!.guard.alive);
      await agent.finish(change.id, 'timed-out');
      await clean();
    });

    test('a step that hangs past the deadline is ended by the timer, and undone', async () => {
      const change = header(lab);
      await agent.arm(change, 2);
      const step = handMade(lab, node)[1]!;
      const running = agent
        .run(change.id, {...step, run: [...step.run, {tool: 'sh', lines: ['sleep 300']}]})
        .catch((error: Error) => error);
      await until(async () => (await journal(other, change.id))?.outcome === 'timed-out');
      await running;
      await until(async () => !(await journal(other, change.id))!.guard.alive);
      await agent.finish(change.id, 'timed-out');
      await clean();
    });

    test('a full disk: refused before it begins; met on the way, the step is refused and all can still be undone and ended', async () => {
      const change = header(lab);
      const small = 'mount -t tmpfs -o size=4k,mode=700 small /var/lib/flanctl';
      expect((await runIn(lab, 'n1', small)).code).toBe(0);
      expect(await agent.arm(change, 60)).toEqual({
        kind: 'refused',
        why: expect.stringMatching(/journal cannot be written.*No space left/),
      });
      await runIn(lab, 'n1', 'umount /var/lib/flanctl; mount -t tmpfs -o size=2m,mode=700 small /var/lib/flanctl');
      await agent.arm(change, 20);
      const [loosen, build, flip] = handMade(lab, node);
      expect(await agent.run(change.id, loosen!)).toEqual({kind: 'done'});
      expect(await agent.run(change.id, build!)).toEqual({kind: 'done'});
      await runIn(lab, 'n1', 'cat /dev/zero >/var/lib/flanctl/filler');
      expect(await agent.run(change.id, flip!)).toEqual({
        kind: 'failed',
        why: expect.stringMatching(/journal cannot be written.*No space left/),
      });
      expect(await agent.extend(change.id, 30, 'applying')).toBe(true);
      expect((await journal(agent, change.id))!.guard.seconds).toBeGreaterThan(22);
      expect(await agent.undo(change.id, [2, 1])).toEqual({failed: []});
      // And the timer does not need space either.
      expect(await agent.extend(change.id, 1, 'applying')).toBe(true);
      await until(async () => (await journal(agent, change.id))!.outcome === 'timed-out');
      await agent.finish(change.id, 'timed-out');
      expect((await journal(agent, change.id))!.steps.map((s) => s.state)).toEqual(['undone', 'undone']);
      expect(await tables(lab, 'n1')).toEqual(before);
      await runIn(lab, 'n1', 'umount /var/lib/flanctl');
      await clean();
    });

    test('a read-only journal folder: refused before it begins; met on the way, the tables still come back', async () => {
      const change = header(lab);
      await runIn(lab, 'n1', 'mount -t tmpfs -o ro small /var/lib/flanctl');
      expect(await agent.arm(change, 60)).toEqual({kind: 'refused', why: expect.stringMatching(/journal cannot be written.*Read-only/)});
      await runIn(lab, 'n1', 'umount /var/lib/flanctl; mount -t tmpfs small /var/lib/flanctl');
      await agent.arm(change, 20);
      const [loosen, build] = handMade(lab, node);
      await agent.run(change.id, loosen!);
      await runIn(lab, 'n1', 'mount -o remount,bind,ro /var/lib/flanctl');
      expect(await agent.run(change.id, build!)).toMatchObject({kind: 'failed', why: expect.stringMatching(/Read-only/)});
      expect(await agent.undo(change.id, [0])).toEqual({failed: []});
      expect(await tables(lab, 'n1')).toEqual(before);
      await runIn(lab, 'n1', 'mount -o remount,bind,rw /var/lib/flanctl');
      await agent.finish(change.id, 'rolled-back');
      expect(await leftovers(lab, 'n1')).toEqual([]);
      await runIn(lab, 'n1', 'umount /var/lib/flanctl');
      await clean();
    });

    test('a program that is not there is a reason, not a riddle', async () => {
      await runIn(lab, 'n1', 'mount --bind /dev/null /usr/bin/flock');
      expect(await agent.arm(header(lab), 60)).toEqual({kind: 'refused', why: 'it has no program flock'});
      await runIn(lab, 'n1', 'umount /usr/bin/flock');
      await clean();
    });
  });
}

describe.skipIf(!labsWork)('whatever the node has', () => {
  const labs = testLabs();
  /** The node's `sh` is dash here; another one is put over it, in this node's own mounts. */
  for (const shell of ['busybox', 'bash']) {
    test(`its sh is ${shell}: a step, its undo and the timer`, async () => {
      const lab = await labs.up({name: `ag-${shell}`, nodes: 2, pods: 1});
      const put = await runIn(lab, 'n1', `mount --bind "$(command -v ${shell})" "$(readlink -f /bin/sh)"`);
      expect(put).toMatchObject({code: 0, stderr: ''});
      const says = await runIn(lab, 'n1', ['sh', '-c', 'echo "$BASH_VERSION"; sh --help 2>&1']);
      expect(says.stdout).toMatch(shell === 'bash' ? /^5/ : /BusyBox/);
      const before = await tables(lab, 'n1');
      const agent = (await agents(lab, {graceSeconds: 1})).get('n1')!;
      const change = header(lab, `it's "quoted" $HOME \\n`);
      expect(await agent.arm(change, 60)).toEqual({kind: 'armed'});
      expect((await journal(agent, change.id))!.header).toEqual(change);
      const steps = handMade(lab, lab.nodes[0]!);
      for (const step of steps) expect(await agent.run(change.id, step)).toEqual({kind: 'done'});
      expect(await agent.undo(change.id, steps.map((s) => s.stage).toReversed())).toEqual({failed: []});
      expect(await tables(lab, 'n1')).toEqual(before);
      const bad = await agent.run(change.id, {...steps[1]!, run: [{tool: 'sh', lines: ['true', 'no-such-program']}]});
      expect(bad).toMatchObject({kind: 'failed', why: expect.stringMatching(/^sh no-such-program: .*not found/)});
      for (const step of steps.slice(0, 3)) expect(await agent.run(change.id, step)).toEqual({kind: 'done'});
      expect(await agent.extend(change.id, 1, 'applying')).toBe(true);
      await until(async () => (await journal(agent, change.id))!.outcome === 'timed-out');
      await until(async () => !(await journal(agent, change.id))!.guard.alive);
      await agent.finish(change.id, 'timed-out');
      expect(await tables(lab, 'n1')).toEqual(before);
      expect(await leftovers(lab, 'n1')).toEqual([]);
      await agent[Symbol.asyncDispose]();
    });
  }

  test('it has systemd: the guard is a unit of its own (a stand-in for systemd-run, which no lab node can have)', async () => {
    const lab = await labs.up({name: 'ag-unit', nodes: 2, pods: 0});
    const fake = `mkdir -p /run/systemd/system /run/fake
printf '#!/bin/sh\necho "$@" >>/run/fake/calls\nwhile :; do case $1 in --collect) exit 1;; -*) shift;; *) break;; esac; done\nsetsid "$@" </dev/null >/dev/null 2>&1 &\n' >/run/fake/systemd-run
chmod +x /run/fake/systemd-run; mount --bind /run/fake/systemd-run "$(command -v systemd-run)"`;
    expect(await runIn(lab, 'n1', fake)).toMatchObject({code: 0, stderr: ''});
    const agent = (await agents(lab)).get('n1')!;
    const change = header(lab);
    expect(await agent.arm(change, 60)).toEqual({kind: 'armed'});
    const calls = (await runIn(lab, 'n1', 'cat /run/fake/calls')).stdout.trim().split('\n');
    expect(calls).toHaveLength(2);
    expect(calls[1]).toMatch(
      new RegExp(`^--quiet --unit=flanctl-${change.id}-\\d+ sh /var/lib/flanctl/changes/${change.id}/agent.sh guard ${change.id}`),
    );
    await agent.finish(change.id, 'done');
    expect(await leftovers(lab, 'n1')).toEqual([]);
  });

  test('no deadline hangs on the wall clock: the agent never asks for it', async () => {
    const code = (await agentScript()).replaceAll(/^ *#.*$/gm, '');
    expect(code).not.toMatch(/\bdate\b|%s\b.*date|-newer|-mmin|EPOCH/);
    expect(code).toContain('/proc/uptime');
  });

  test('a call that was cut off on its way runs nothing, wherever the cut is', async () => {
    const whole = agentCall('echo ran\nmain "$@"\n', "a step's\nlines\nend");
    expect((await run(['sh', '-s'], {input: whole})).stdout).toBe('ran\n');
    for (let cut = 1; cut < whole.indexOf('if [ "$(id -u)"'); cut++) {
      expect((await run(['sh', '-s'], {input: whole.slice(0, cut)})).stdout).toBe('');
    }
  });

  test('what a hostile node calls a change leads nowhere', () => {
    const said = (id: string): string =>
      `change x\nheader ${JSON.stringify({id, title: 't', operator: 'o', since: 's', nodes: ['n1']})}\noutcome open\nwatch final 7\nstep 0001 done flip a b\nstep 0002 gone flip c\nend`;
    expect(readJournals(said('../../../etc'))).toEqual([]);
    expect(readJournals(said('20261121-101500-x; reboot'))).toEqual([]);
    expect(readJournals(said('20261121-101500-4f2a'))).toMatchObject([
      {progress: 'final', guard: {alive: true, seconds: 7}, steps: [{stage: 1, state: 'done', phase: 'flip', title: 'a b'}]},
    ]);
  });

  test('the file of a step counts its own lines right', () => {
    const text = stepFile({
      stage: 3,
      phase: 'flip',
      title: 'a\nb',
      run: [
        {tool: 'ip', lines: ['one', 'two']},
        {tool: 'bridge', lines: []},
      ],
      undo: [{tool: 'sh', lines: ['three']}],
    });
    expect(text.split('\n')).toEqual(['flip', 'a b', 'run ip 6 7', 'undo sh 8 8', '.', 'one', 'two', 'three', 'end']);
  });
});
