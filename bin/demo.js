// The main job, end to end, on this machine: a three-node cluster of namespaces, a fault, the diagnosis, the remedy, another backend and back.
// Exit 0 only when doctor said healthy, then named the fault, then said healthy again, and no ping was lost while the backend changed twice; else 1.
import {spawn, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const flanctl = fileURLToPath(new URL('run.js', import.meta.url));
const recorded = (name) => fileURLToPath(new URL(`../docs/demo/${name}.ndjson.br`, import.meta.url));
const LAB = 'tour';

// ^C reaches the command that runs; what is left to do here is to take the lab down.
process.on('SIGINT', () => {});

/** A word as a shell would want it typed. */
const typed = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Runs a command as the reader would type it, and shows both. */
function show(args, {quiet = false} = {}) {
  if (!quiet) process.stdout.write(`\n$ flanctl ${args.map(typed).join(' ')}\n`);
  const {status} = spawnSync(process.execPath, [flanctl, ...args], {
    stdio: quiet ? ['ignore', 'ignore', 'inherit'] : ['ignore', 'inherit', 'inherit'],
  });
  if (status === null || status === 130) throw new Error('interrupted');
  return status;
}

function read(args) {
  const {stdout} = spawnSync(process.execPath, [flanctl, ...args, '--output', 'json', '--quiet'], {encoding: 'utf8', maxBuffer: 2 ** 28});
  return JSON.parse(stdout);
}

/** A ping that goes on until it is stopped, whatever happens to the lab meanwhile. */
function pinging(from, to) {
  const args = ['lab', 'exec', '--name', LAB, from, '--', 'ping', '-q', '-i', '0.01', to];
  process.stdout.write(`\n$ flanctl ${args.map(typed).join(' ')} &\n`);
  // In a group of its own: what stops it must reach ping itself, and ^C is for the command in front.
  const child = spawn(process.execPath, [flanctl, ...args], {stdio: ['ignore', 'pipe', 'inherit'], detached: true});
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on('close', () => resolve(said.trim())));
  let stopped = false;
  return {
    stop() {
      if (!stopped && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
      stopped = true;
      return ended;
    },
  };
}

function expect(what, got, wanted) {
  if (got === wanted) return;
  process.stdout.write(`\nnot as it should be: ${what} ended with ${got}, not ${wanted}\n`);
  process.exitCode = 1;
}

const say = (text) => process.stdout.write(`\n${text}\n`);

/** What a change remembers on this machine: nothing of the demo stays. */
const state = mkdtempSync(join(tmpdir(), 'flanctl-demo-'));
process.env.XDG_STATE_HOME = state;
process.on('exit', () => rmSync(state, {recursive: true, force: true}));

const {canMakeLab} = await import('../lib/edge/lab/requirements.js');
const possible = await canMakeLab();

if (!possible.ok) {
  process.stdout.write(
    `This machine cannot make a lab (${possible.why}).\nWhat follows was recorded from a real one and is judged here and now.\n`,
  );
  expect('doctor on the healthy recording', show(['doctor', '--snapshot', recorded('healthy')]), 0);
  expect('trace on the healthy recording', show(['trace', 'n1-p1', 'n2-p1', '--snapshot', recorded('healthy')]), 0);
  expect('doctor on the broken recording', show(['doctor', '--snapshot', recorded('broken')]), 1);
  expect('trace on the broken recording', show(['trace', 'n1-p1', 'n2-p1', '--snapshot', recorded('broken')]), 1);
  say('The second half of the demo, another backend under a running ping and back again, needs a live lab.');
} else {
  let ping;
  show(['lab', 'down', '--name', LAB], {quiet: true});
  try {
    expect('lab up', show(['lab', 'up', '--name', LAB]), 0);
    expect('doctor on the healthy lab', show(['doctor', '--lab', LAB]), 0);
    expect('trace on the healthy lab', show(['trace', 'n1-p1', 'n2-p1', '--lab', LAB]), 0);
    say('Now a fault: every table looks plausible, and one direction of one pair is dead.');
    expect('lab break', show(['lab', 'break', 'fdb-row-wrong', '--name', LAB]), 0);
    expect('doctor on the broken lab', show(['doctor', '--lab', LAB]), 1);
    expect('trace on the broken lab', show(['trace', 'n1-p1', 'n2-p1', '--lab', LAB]), 1);
    expect('lab ping on the broken lab', show(['lab', 'ping', '--name', LAB]), 1);
    const [finding] = read(['doctor', '--lab', LAB]).findings;
    say('Now the remedy that doctor printed:');
    for (const step of finding?.remedy.steps ?? [])
      expect('the remedy', show(['lab', 'exec', '--name', LAB, step.node, '--', 'sh', '-c', step.run]), 0);
    expect('doctor on the healed lab', show(['doctor', '--lab', LAB]), 0);
    expect('lab ping on the healed lab', show(['lab', 'ping', '--name', LAB]), 0);
    say('And another backend on the live cluster, while one pod pings another without a pause:');
    ping = pinging('n1-p1', '10.244.2.2');
    expect('migrate', show(['migrate', '--to', 'host-gw', '--lab', LAB, '--yes']), 0);
    expect('doctor after the migration', show(['doctor', '--lab', LAB]), 0);
    expect('rollback', show(['rollback', '--lab', LAB, '--yes']), 0);
    expect('doctor after the rollback', show(['doctor', '--lab', LAB]), 0);
    expect('history', show(['history', '--lab', LAB]), 0);
    say('What that ping says, there and back again:');
    const counted = await ping.stop();
    say(counted);
    const [, sent, back] = /(\d+) packets transmitted, (\d+) received/.exec(counted) ?? [];
    expect('the ping', sent === undefined || sent === '0' ? 'no count' : `${sent - back} lost`, '0 lost');
  } catch (error) {
    process.exitCode = 130;
    process.stdout.write(`\n${error.message}\n`);
  } finally {
    await ping?.stop();
    expect('lab down', show(['lab', 'down', '--name', LAB]), 0);
  }
}
process.stdout.write(
  process.exitCode
    ? '\nThe demo did not go as it should.\n'
    : '\nThat was the main job. In a clone, `node bin/run.js` is flanctl. Next: node bin/run.js lab up; node bin/run.js lab break; node bin/run.js doctor --lab demo\n',
);
