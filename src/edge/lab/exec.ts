import {spawn} from 'node:child_process';
import {Failure} from '../../failure.js';
import {alive} from './namespaces.js';
import {environment, type Ran, type RunOptions, run, statusOf} from './shell.js';
import type {Lab} from './topology.js';

/**
 * The words that put a command into a node (`n1`), a pod (`n1-p1`), the switch (`underlay`), a cloud's `vm` or one of its physical hosts (`host1`).
 * @throws Failure when the lab has no such place, or its holder is gone.
 */
export async function enter(lab: Lab, place: string): Promise<readonly string[]> {
  if (place === 'underlay') return ['nsenter', `--net=/run/netns/${lab.underlay}`, '--'];
  if (place === 'vm' && lab.cloud) return ['nsenter', `--net=/run/netns/${lab.cloud.vm.netns}`, '--'];
  const host = lab.cloud?.hosts.find(({name}) => name === place);
  if (host) return ['nsenter', `--net=/run/netns/${host.netns}`, '--'];
  const node = lab.nodes.find((n) => n.name === place || n.pods.some((pod) => pod.name === place));
  if (!node) {
    const known = lab.nodes.flatMap((n) => [n.name, ...n.pods.map((pod) => pod.name)]);
    throw new Failure(`the lab ${lab.spec.name} has no ${place}`, {
      hints: [`it has: ${known.join(', ')}, underlay${lab.cloud ? ['', 'vm', ...lab.cloud.hosts.map(({name}) => name)].join(', ') : ''}`],
    });
  }
  if (!(await alive(node))) {
    throw new Failure(`node ${node.name} of the lab ${lab.spec.name} does not run any more`, {
      hints: [`flanctl lab up --name ${lab.spec.name} --replace`],
    });
  }
  const inNode = ['nsenter', '-t', String(node.pid), '-m', '-u', '-n', '-p', '--'];
  return place === node.name ? inNode : [...inNode, 'ip', 'netns', 'exec', place];
}

/**
 * Runs a command (words) or a POSIX sh script (one string, given on stdin) in a node, a pod or the `underlay` and collects what it prints.
 * @throws Failure when there is no such place; the signal's reason when it fires.
 */
export async function runIn(lab: Lab, place: string, what: readonly string[] | string, options: RunOptions = {}): Promise<Ran> {
  const prefix = await enter(lab, place);
  return typeof what === 'string' ? run([...prefix, 'sh', '-s'], {...options, input: what}) : run([...prefix, ...what], options);
}

/** Runs a command with this terminal as its own; its exit status, 128 + n when signal n ended it. */
export async function attachIn(lab: Lab, place: string, argv: readonly string[]): Promise<number> {
  const [program = '', ...words] = [...(await enter(lab, place)), ...argv];
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {stdio: 'inherit', env: environment()});
    child.on('error', (error) => reject(new Failure(`${program} cannot be started: ${error.message}`)));
    child.on('close', (code, signal) => resolve(statusOf(code, signal)));
  });
}
