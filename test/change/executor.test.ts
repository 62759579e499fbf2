import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeAgent} from '../../src/edge/change/agent.js';
import {type ChangeContext, execute} from '../../src/edge/change/executor.js';
import {type SavedChange, savedChange, savedEnd, savedIds} from '../../src/edge/change/local-journal.js';
import {type ChangeEvent, exitOf, type Outcome} from '../../src/edge/change/outcome.js';
import {resume} from '../../src/edge/change/resume.js';
import {knownChanges, newestUndoable, remember, rollback} from '../../src/edge/change/rollback.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {TransportError} from '../../src/edge/transports/transport.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {handMadeChange, agents as open} from './change.js';
import {allTables, leftovers} from './tables.js';

describe.skipIf(!labsWork)('a change, from lock to commit and back', () => {
  const labs = testLabs();
  const folder = mkdtempSync(join(tmpdir(), 'flanctl-change-'));
  const previous = process.env['XDG_STATE_HOME'];
  let lab: Lab;
  let agents: Map<string, NodeAgent>;
  let before: Awaited<ReturnType<typeof allTables>>;
  beforeAll(async () => {
    process.env['XDG_STATE_HOME'] = folder;
    lab = await labs.up({name: 'exec', nodes: 3, pods: 1});
    agents = await open(lab, {graceSeconds: 4});
    before = await allTables(lab);
  });
  afterAll(() => {
    if (previous === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = previous;
    rmSync(folder, {recursive: true});
  });

  const yes = async (): Promise<{ok: boolean; because: string[]}> => ({ok: true, because: []});
  const go = (change: SavedChange, more: Partial<ChangeContext> = {}): Promise<Outcome> =>
    execute({change, agents, gate: yes, onEvent: () => undefined, signal: new AbortController().signal, ...more});
  const nothingLeft = async (): Promise<void> => {
    for (const node of lab.nodes) expect(await leftovers(lab, node.name)).toEqual([]);
  };
  const asBefore = async (): Promise<void> => {
    expect(await allTables(lab)).toEqual(before);
    await nothingLeft();
  };
  const flipped = async (): Promise<readonly boolean[]> =>
    Promise.all(lab.nodes.map(async (n) => !(await runIn(lab, n.name, 'ip route')).stdout.includes('dev flannel.1')));

  test('goes through, tells of every step, and is rolled back from what the nodes remember alone', async () => {
    const change = handMadeChange(lab, 30);
    const events: ChangeEvent[] = [];
    const outcome = await go(change, {onEvent: (event) => events.push(event)});
    expect(outcome).toMatchObject({kind: 'done', because: [], left: [], interrupted: false});
    expect(exitOf(outcome)).toBe(0);
    expect(outcome.stages.map((s) => s.state)).toEqual(change.stages.map(() => 'done'));
    expect(events.filter((e) => e.kind === 'progress').map((e) => e.progress)).toEqual(['final', 'committed']);
    const flips = events.flatMap((e, at) => (e.kind === 'stage' && e.phase === 'flip' && e.state === 'done' ? [at] : []));
    expect(flips).toHaveLength(3);
    expect(events.findIndex((e) => e.kind === 'progress')).toBeGreaterThan(flips.at(-1)!);
    expect(events.findIndex((e) => e.kind === 'stage' && e.phase === 'cleanup')).toBeGreaterThan(flips.at(-1)!);
    expect(await flipped()).toEqual([true, true, true]);
    expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
    await nothingLeft();
    expect(await savedIds()).toContain(change.header.id);
    expect(await savedEnd(change.header.id)).toMatchObject({outcome: 'done'});

    // Another machine: a state folder that knows nothing, and agents of its own.
    process.env['XDG_STATE_HOME'] = join(folder, 'other');
    const others = await open(lab);
    const remembered = await remember(others);
    const newest = newestUndoable(knownChanges(remembered));
    expect(newest?.id).toBe(change.header.id);
    const order: string[] = [];
    const undone = await rollback(newest!.id, remembered, {
      agents: others,
      ttl: 30,
      onEvent: (e) => e.kind === 'undo' && e.state === 'done' && order.push(e.phase),
    });
    process.env['XDG_STATE_HOME'] = folder;
    expect(undone).toMatchObject({kind: 'rolled-back', left: []});
    expect(order).toEqual(['restore', 'cleanup', 'flip', 'flip', 'flip', 'build', 'loosen']);
    await asBefore();
    expect(newestUndoable(knownChanges(await remember(agents)))).toBeUndefined();
  });

  test('is undone from every stage whose gate stays shut', async () => {
    const {stages} = handMadeChange(lab, 30);
    for (const at of stages.keys()) {
      const change = handMadeChange(lab, 30);
      const outcome = await go(change, {
        gate: async (stage) => (stage === at ? {ok: false, because: ['n1-p1 > n2-p1: no answer']} : yes()),
      });
      expect(outcome).toMatchObject({kind: 'rolled-back', because: ['n1-p1 > n2-p1: no answer'], left: []});
      expect(exitOf(outcome)).toBe(4);
      expect(outcome.stages.map((s) => s.state)).toEqual(Array.from({length: at + 1}, () => 'undone'));
      // This machine's journal was still open when it ended.
      expect(await savedEnd(change.header.id)).toMatchObject({outcome: 'rolled-back', left: []});
      await asBefore();
    }
  });

  test('is undone when a line fails on one node, which is named', async () => {
    const change = handMadeChange(lab, 30);
    const stages = change.stages.map((stage, at) =>
      at === 1
        ? {
            ...stage,
            work: stage.work.map((w) => (w.node === 'n2' ? {...w, run: [{tool: 'ip' as const, lines: ['link set nosuch0 up']}]} : w)),
          }
        : stage,
    );
    const outcome = await go({...change, stages});
    expect(outcome).toMatchObject({kind: 'rolled-back', because: ['n2: ip link set nosuch0 up: Cannot find device "nosuch0"']});
    await asBefore();
  });

  test('is refused as a whole when one node is held, and says who and since when', async () => {
    const theirs = handMadeChange(lab, 30);
    const other = (await open(lab)).get('n2')!;
    await other.arm(theirs.header, 60);
    const change = handMadeChange(lab, 30);
    const outcome = await go(change);
    expect(outcome).toMatchObject({kind: 'refused', stages: []});
    expect(outcome.because).toEqual([
      `n2: mary@desk is changing it since 2026-11-21T11:00:00.000Z: vxlan to host-gw (${theirs.header.id})`,
    ]);
    expect(exitOf(outcome)).toBe(1);
    await other.finish(theirs.header.id, 'rolled-back');
    await asBefore();
  });

  test('is refused when this machine cannot keep its journal', async () => {
    writeFileSync(join(folder, 'file'), '');
    process.env['XDG_STATE_HOME'] = join(folder, 'file');
    await expect(go(handMadeChange(lab, 30))).rejects.toMatchObject({
      exit: 1,
      message: expect.stringMatching(/journal .* cannot be written/),
    });
    process.env['XDG_STATE_HOME'] = folder;
    await asBefore();
  });

  test('^C undoes everything', async () => {
    const stop = new AbortController();
    const outcome = await go(handMadeChange(lab, 30), {
      signal: stop.signal,
      gate: async (stage) => {
        if (stage === 3) stop.abort();
        return yes();
      },
    });
    expect(outcome).toMatchObject({kind: 'rolled-back', because: ['interrupted'], interrupted: true});
    expect(exitOf(outcome)).toBe(130);
    await asBefore();
  });

  /** The agent of a node whose link is cut while a stage runs there: it runs to its end, but nothing is heard of it any more. */
  const cutAt = (stage: number, node: string): Map<string, NodeAgent> => {
    let cut = false;
    const real = agents.get(node)!;
    const gone = async (): Promise<never> => {
      throw new TransportError({kind: 'connect', message: `${node}: no route to host`});
    };
    const agent: NodeAgent = {
      ...real,
      run: async (id, step) => {
        cut ||= step.stage >= stage;
        const ran = await real.run(id, step);
        return cut ? gone() : ran;
      },
      extend: (...args) => (cut ? gone() : real.extend(...args)),
      undo: (...args) => (cut ? gone() : real.undo(...args)),
      finish: (...args) => (cut ? gone() : real.finish(...args)),
    };
    return new Map([...agents, [node, agent]]);
  };

  test('a node lost on the way: the others go back, keep what it needs until its timer has run out, and it goes back by itself', async () => {
    const change = handMadeChange(lab, 4);
    const events: ChangeEvent[] = [];
    const outcome = await go(change, {agents: cutAt(3, 'n2'), onEvent: (event) => events.push(event)});
    expect(outcome.kind).toBe('stranded');
    expect(exitOf(outcome)).toBe(5);
    expect(outcome.because).toEqual(['n2: no route to host']);
    expect(outcome.left).toEqual([{node: 'n2', what: 'not seen since', why: expect.stringContaining('no route to host')}]);
    const waiting = events.findIndex((e) => e.kind === 'waiting');
    expect(events.findIndex((e) => e.kind === 'undo' && e.phase === 'build')).toBeGreaterThan(waiting);
    expect(events.findIndex((e) => e.kind === 'undo' && e.phase === 'flip')).toBeLessThan(waiting);
    await expect
      .poll(async () => (await remember(agents)).journals.get('n2')![0]!.outcome, {timeout: 30_000, interval: 300})
      .toBe('timed-out');
    await expect.poll(async () => allTables(lab), {timeout: 10_000, interval: 300}).toEqual(before);
    const undone = await rollback(change.header.id, await remember(agents), {agents, ttl: 10, onEvent: () => undefined});
    expect(undone.kind).toBe('rolled-back');
    await asBefore();
  });

  test('a node lost past the commit: nothing is taken away from it, the change stays, and --resume ends it', async () => {
    const change = handMadeChange(lab, 4);
    const outcome = await go(change, {agents: cutAt(5, 'n1')});
    expect(outcome.kind).toBe('stranded');
    expect(outcome.left.map((l) => l.node).sort()).toEqual(['n1', 'n2', 'n3']);
    expect(outcome.left.find((l) => l.what.startsWith('not reached'))?.why).toMatch(/: .*; the change was past its commit there$/);
    expect(await flipped()).toEqual([true, true, true]);
    expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
    const saved = await savedChange(change.header.id);
    expect(saved).toEqual(change);
    const on = await resume(saved!, await remember(agents), {
      agents,
      gate: yes,
      onEvent: () => undefined,
      signal: new AbortController().signal,
    });
    expect(on).toMatchObject({kind: 'done'});
    await nothingLeft();
    expect((await rollback(change.header.id, await remember(agents), {agents, ttl: 30, onEvent: () => undefined})).kind).toBe(
      'rolled-back',
    );
    await asBefore();
  });

  test('goes on where flanctl ended, whatever the timers did meanwhile', async () => {
    const {stages} = handMadeChange(lab, 2);
    for (const [at, wait] of [
      [2, false],
      [3, true],
      [5, false],
    ] as const) {
      const change = handMadeChange(lab, wait ? 3 : 60);
      // A bug in the gate ends this flanctl on the spot, as kill -9 would.
      const dead = go(change, {
        gate: async (stage) => {
          if (stage === at) throw new Error('gone');
          return yes();
        },
      });
      await expect(dead).rejects.toThrow('gone');
      if (wait) await expect.poll(async () => allTables(lab), {timeout: 40_000, interval: 500}).toEqual(before);
      const others = await open(lab);
      const on = await resume((await savedChange(change.header.id))!, await remember(others), {
        agents: others,
        gate: yes,
        onEvent: () => undefined,
        signal: new AbortController().signal,
      });
      expect(on).toMatchObject({kind: 'done', because: []});
      expect(on.stages).toHaveLength(stages.length);
      expect(await flipped()).toEqual([true, true, true]);
      await nothingLeft();
      expect((await rollback(change.header.id, await remember(agents), {agents, ttl: 30, onEvent: () => undefined})).kind).toBe(
        'rolled-back',
      );
      await asBefore();
    }
  });

  test('does not go on where it may not, says why, and leaves the way back open', async () => {
    const change = handMadeChange(lab, 60);
    const dead = go(change, {
      gate: async (stage) => {
        if (stage === 2) throw new Error('gone');
        return yes();
      },
    });
    await expect(dead).rejects.toThrow('gone');
    const asked: (readonly boolean[])[] = [];
    const context = {agents, gate: yes, onEvent: () => undefined, signal: new AbortController().signal};
    const again = async (ok: boolean) =>
      resume((await savedChange(change.header.id))!, await remember(agents), {
        ...context,
        async soFar(done) {
          asked.push(change.stages.map((_, stage) => done(stage)));
          return {ok, because: ok ? [] : ['n1 → n2: no handshake on flannel-wg']};
        },
      });
    await expect(again(false)).rejects.toThrow('cannot go on: n1 → n2: no handshake on flannel-wg');
    expect(asked).toEqual([change.stages.map((_, stage) => stage <= 2)]);
    expect(await again(true)).toMatchObject({kind: 'done'});
    expect((await rollback(change.header.id, await remember(agents), {agents, ttl: 30, onEvent: () => undefined})).kind).toBe(
      'rolled-back',
    );
    await asBefore();
  });

  test('an undo that failed is done by the next rollback, and what hangs on it once more', async () => {
    const change = handMadeChange(lab, 30);
    const stages = change.stages.map((stage) =>
      stage.phase !== 'cleanup'
        ? stage
        : {
            ...stage,
            work: stage.work.map((w) =>
              w.node === 'n2' ? {...w, undo: [{tool: 'ip' as const, lines: ['link set late0 up']}, ...w.undo]} : w,
            ),
          },
    );
    expect(await go({...change, stages})).toMatchObject({kind: 'done'});
    const {id} = change.header;
    const context = {agents, ttl: 30, onEvent: () => undefined};
    expect(await rollback(id, await remember(agents), context)).toMatchObject({
      kind: 'stranded',
      left: [{node: 'n2', what: 'not undone', why: 'ip link set late0 up: Cannot find device "late0"'}],
    });
    await runIn(lab, 'n2', 'ip link add late0 type bridge; ip route del 10.244.1.0/24');
    expect(await rollback(id, await remember(agents), context)).toMatchObject({kind: 'rolled-back', left: []});
    expect((await runIn(lab, 'n2', 'ip link show late0')).stdout).toContain('UP');
    await runIn(lab, 'n2', 'ip link del late0');
    await asBefore();
  });

  test('an undo that fails on a node that was lost for a while is told as well', async () => {
    const change = handMadeChange(lab, 5);
    const lost = cutAt(2, 'n2');
    const n2 = lost.get('n2')!;
    let asked = 0;
    const agent: NodeAgent = {
      ...n2,
      undo: async (...args) => {
        asked += 1;
        if (asked === 1) return n2.undo(...args);
        return asked === 2 ? {failed: ['ip route replace …: no']} : {failed: []};
      },
      finish: agents.get('n2')!.finish,
    };
    const outcome = await go(change, {agents: new Map([...lost, ['n2', agent]])});
    expect(outcome.left).toContainEqual({node: 'n2', what: 'not undone', why: 'ip route replace …: no'});
    expect(outcome.kind).toBe('stranded');
    await expect.poll(async () => (await remember(agents)).journals.get('n2')![0]!.guard.alive, {timeout: 30_000}).toBe(false);
    await rollback(change.header.id, await remember(agents), {agents, ttl: 10, onEvent: () => undefined});
    await asBefore();
  });

  test('a node that is lost when all is undone, but for its end: said, since its journal stays open', async () => {
    const change = handMadeChange(lab, 4);
    const n2: NodeAgent = {
      ...agents.get('n2')!,
      finish: async () => {
        throw new TransportError({kind: 'connect', message: 'n2: no route to host'});
      },
    };
    const outcome = await go(change, {
      agents: new Map([...agents, ['n2', n2]]),
      gate: async (stage) => (stage === 2 ? {ok: false, because: ['no']} : yes()),
    });
    expect(outcome.left).toEqual([{node: 'n2', what: 'its journal still calls the change open', why: 'n2: no route to host'}]);
    await expect.poll(async () => (await remember(agents)).journals.get('n2')![0]!.guard.alive, {timeout: 30_000}).toBe(false);
    await rollback(change.header.id, await remember(agents), {agents, ttl: 10, onEvent: () => undefined});
    await asBefore();
  });

  test('past the commit, where a guard is gone nothing is taken away from under its node', async () => {
    const change = handMadeChange(lab, 30);
    expect(await go(change)).toMatchObject({kind: 'done'});
    const real = agents.get('n2')!;
    const n2: NodeAgent = {...real, extend: async (id, ttl, progress) => progress === 'committed' && real.extend(id, ttl, progress)};
    const context = {ttl: 30, onEvent: () => undefined};
    const stays = await rollback(change.header.id, await remember(agents), {...context, agents: new Map([...agents, ['n2', n2]])});
    expect(stays.kind).toBe('stranded');
    expect(stays.left.find((l) => l.node === 'n2')!.why).toContain('its dead-man timer has run out or was ended');
    expect(await flipped()).toEqual([true, true, true]);
    expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
    expect((await rollback(change.header.id, await remember(agents), {...context, agents})).kind).toBe('rolled-back');
    await asBefore();
  });

  test('a node whose journal is gone: nothing is pulled out from under it', async () => {
    const change = handMadeChange(lab, 30);
    expect(await go(change)).toMatchObject({kind: 'done'});
    const {id} = change.header;
    await runIn(lab, 'n2', `mv /var/lib/flanctl/changes/${id} /var/lib/flanctl/away`);
    const context = {agents, ttl: 30, onEvent: () => undefined};
    await expect(rollback(id, await remember(agents), context)).rejects.toMatchObject({
      exit: 1,
      message: `the change ${id} cannot be rolled back: n2 does not know of it any more`,
    });
    expect(await flipped()).toEqual([true, true, true]);
    await runIn(lab, 'n2', `mv /var/lib/flanctl/away /var/lib/flanctl/changes/${id}`);
    expect((await rollback(id, await remember(agents), context)).kind).toBe('rolled-back');
    await asBefore();
  });

  test('a rollback that is refused leaves every journal as ended as it was, and no lock', async () => {
    const change = handMadeChange(lab, 30);
    expect(await go(change)).toMatchObject({kind: 'done'});
    const theirs = handMadeChange(lab, 30);
    const other = (await open(lab)).get('n2')!;
    await other.arm(theirs.header, 60);
    const {id} = change.header;
    const context = {agents, ttl: 30, onEvent: () => undefined};
    expect(await rollback(id, await remember(agents), context)).toMatchObject({kind: 'refused'});
    await other.finish(theirs.header.id, 'rolled-back');
    const {journals} = await remember(agents);
    expect([...journals.values()].map((list) => list.find((j) => j.header.id === id)!.outcome)).toEqual(['done', 'done', 'done']);
    await nothingLeft();
    expect((await rollback(id, await remember(agents), context)).kind).toBe('rolled-back');
    await asBefore();
  });

  test('a node that was restarted in the middle: nothing is built on what is gone; a rollback says so', async () => {
    const change = handMadeChange(lab, 60);
    const dead = go(change, {
      gate: async (stage) => {
        if (stage === 2) throw new Error('gone');
        return yes();
      },
    });
    await expect(dead).rejects.toThrow('gone');
    const {id} = change.header;
    // Another boot id, no guard, and the tables as a start leaves them.
    const folder = `/var/lib/flanctl/changes/${id}`;
    await runIn(
      lab,
      'n2',
      `kill -9 -$(cat ${folder}/guard); echo 0 >${folder}/boot; ip link del probe0; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter`,
    );
    const context = {agents, onEvent: () => undefined};
    const on = resume((await savedChange(id))!, await remember(agents), {...context, gate: yes, signal: new AbortController().signal});
    await expect(on).rejects.toMatchObject({exit: 1, message: expect.stringContaining('n2 has been restarted since')});
    expect(await rollback(id, await remember(agents), {...context, ttl: 30})).toMatchObject({
      kind: 'rolled-back',
      because: ['n2 has been restarted since: its tables began anew'],
      left: [],
    });
    await asBefore();
  });

  test('an older change is not pulled out from under a newer one, and no change is undone without all its nodes', async () => {
    const [older, newer] = [handMadeChange(lab, 30), handMadeChange(lab, 30)];
    const first = {...older, stages: older.stages.slice(0, 1)};
    expect((await go(first)).kind).toBe('done');
    expect((await go({...newer, stages: newer.stages.slice(1, 2)})).kind).toBe('done');
    const context = {agents, ttl: 30, onEvent: () => undefined};
    await expect(rollback(older.header.id, await remember(agents), context)).rejects.toMatchObject({
      exit: 1,
      hints: [`flanctl rollback ${newer.header.id}`],
    });
    const two = new Map([...agents].slice(0, 2));
    await expect(rollback(newer.header.id, await remember(two), context)).rejects.toThrow('n3 not reached');
    for (const {header} of [newer, older]) expect((await rollback(header.id, await remember(agents), context)).kind).toBe('rolled-back');
    await asBefore();
  });
});
