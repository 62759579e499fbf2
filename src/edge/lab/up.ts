import {setMaxListeners} from 'node:events';
import {mkdir} from 'node:fs/promises';
import {Failure} from '../../failure.js';
import {backendOf} from './backends/index.js';
import {fabricOf} from './cloud/fabric.js';
import {fabricLines, fabricPortLines, fabricSysctls} from './cloud/fabric-script.js';
import {applyFabric} from './cloud/fabric-state.js';
import {layWire, startGre} from './cloud/hosts.js';
import {machineLines, policyLines} from './cloud/node-lines.js';
import {labDown} from './down.js';
import {runIn} from './exec.js';
import {startHolder} from './holder.js';
import {cniLines, nodeLines, podLines, underlayLines, underlayPortLines, underlayRule} from './links.js';
import {namespacesOf, startedAt} from './namespaces.js';
import {nodeDir, nodeFiles, stage} from './node-files.js';
import {batchesOf, madeOn, netfilterOf} from './provision.js';
import {requireLab} from './requirements.js';
import {batch, must} from './shell.js';
import {prepareSsh, startSshd} from './sshd.js';
import {claim, labDir, save, taken} from './state.js';
import {defaultSpec, type Lab, type LabNode, type LabSpec, layOut, namesOf} from './topology.js';
import {writeInventory} from './write-inventory.js';

export interface UpOptions {
  /** Called with what begins, for progress. */
  readonly onStep?: (step: string) => void;
  /** Take down a lab of that name first. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Makes a lab: as `flanctl lab up`. What is not in the spec is as in `defaultSpec`. When it fails or the signal fires, nothing is left.
 * @throws Failure when it cannot be made here, the name is taken, or the spec makes no sense.
 */
export async function labUp(wish: Partial<LabSpec> = {}, {onStep, replace, signal}: UpOptions = {}): Promise<Lab> {
  // One listener for each command under way is no leak.
  if (signal) setMaxListeners(0, signal);
  const spec = {...defaultSpec, ...wish};
  const plan = layOut(spec, labDir(spec.name));
  await requireLab(spec);
  if (replace === true) await labDown(spec.name);
  if ((await namespacesOf(spec.name)).length > 0) throw taken(spec.name);
  const builder = {pid: process.pid, started: (await startedAt(process.pid)) ?? ''};
  const lab: Lab = {...plan, builder};
  await claim(lab);
  try {
    return await build(lab, onStep ?? (() => undefined), signal);
  } catch (error) {
    onStep?.('clearing away');
    await labDown(spec.name, {building: true});
    throw error;
  }
}

async function build(plan: Lab, onStep: (step: string) => void, signal: AbortSignal | undefined): Promise<Lab> {
  const {nodes, underlay} = plan;
  onStep('namespaces');
  await batch(
    'ip',
    undefined,
    namesOf(plan).map((name) => `netns add ${name}`),
    signal,
  );

  onStep('nodes');
  await every(nodes.map((node) => mkdir(nodeDir(plan, node), {recursive: true})));
  const {files: own, cloud} = backendOf(plan.spec.backend);
  await every(nodes.map((node) => stage(plan, node, {...nodeFiles(plan, node), ...own?.(plan, node)})));
  if (plan.spec.ssh) await prepareSsh(plan, signal);
  // Sysctls first: devices take the defaults at birth.
  for (const netns of plan.cloud?.hosts.map((host) => host.netns) ?? [underlay])
    await must(['nsenter', `--net=/run/netns/${netns}`, 'sh', '-s'], {
      input: routerSysctls + (cloud ? fabricSysctls : underlayRule(plan)),
      ...(signal && {signal}),
    });
  const held = await every(nodes.map(async (node): Promise<LabNode> => ({...node, pid: await startHolder(plan, node, signal)})));
  if (plan.cloud) await layWire(plan, signal);
  const hosts = plan.cloud && (await every(plan.cloud.hosts.map((host) => startGre(plan, host, signal))));
  const lab: Lab = {...plan, ...(hosts && {cloud: {...plan.cloud!, hosts}}), nodes: held};
  await save(lab);

  onStep('underlay');
  if (!lab.cloud) await batch('ip', underlay, underlayLines(lab), signal);
  else await every(lab.cloud.hosts.map((host) => batch('ip', host.netns, fabricLines(lab, host), signal)));
  await every(lab.nodes.map((node) => batch('ip', node.netns, nodeLines(lab, node), signal)));
  if (lab.cloud) await batch('ip', lab.cloud.vm.netns, machineLines(lab, lab.cloud.vm.eni, lab.cloud.subnets[0]!.gateway), signal);
  else await batch('ip', underlay, underlayPortLines(lab), signal);

  onStep(`flannel (${lab.spec.backend}) and pods`);
  const published = await every(lab.nodes.map(async (node) => [node.name, await provision(lab, node, signal)] as const));
  await every(
    lab.nodes.map((node) => script(lab, node, backendOf(lab.spec.backend).commands?.told(lab, node, new Map(published)), signal)),
  );
  if (lab.cloud) {
    onStep('cloud');
    await every(lab.cloud.hosts.map((host) => batch('ip', host.netns, fabricPortLines(lab, host), signal)));
    await applyFabric(lab, fabricOf(lab), signal);
  }

  if (lab.spec.ssh) {
    onStep('ssh servers');
    await every(lab.nodes.map((node) => startSshd(lab, node, signal)));
  }
  await writeInventory(lab);
  const {builder: _, ...rest} = lab;
  const done: Lab = {...rest, phase: 'up'};
  await save(done);
  return done;
}

/** What the node publishes, where its backend's commands say it. */
async function provision(lab: Lab, node: LabNode, signal: AbortSignal | undefined): Promise<string> {
  const {before, ipLines, after, cloud, commands} = backendOf(lab.spec.backend);
  const expected = madeOn(lab, node);
  const {ip, bridge} = batchesOf(expected, ipLines?.(lab, node));
  await script(lab, node, before?.(lab, node), signal);
  const published = await script(lab, node, commands?.start(lab, node), signal);
  await batch('ip', node.netns, [...ip, ...(cloud?.policy ? policyLines(lab, node, cloud.policy) : []), ...cniLines(lab, node)], signal);
  await script(lab, node, after?.(expected), signal);
  await batch('bridge', node.netns, bridge, signal);
  await every(node.pods.map((pod) => batch('ip', pod.netns, podLines(lab, node, pod), signal)));
  await firewall(lab, node, signal);
  return published;
}

async function firewall(lab: Lab, node: LabNode, signal: AbortSignal | undefined): Promise<void> {
  const {cloud} = backendOf(lab.spec.backend);
  if (cloud?.netfilter) return restoreText(lab, node, cloud.netfilter(lab, node), signal);
  if (cloud?.files) return;
  for (const family of lab.spec.dualStack ? ([4, 6] as const) : ([4] as const)) await restore(lab, node, family, signal);
}

/** Runs lines of shell on a node; what they print. */
async function script(lab: Lab, node: LabNode, text: string | undefined, signal: AbortSignal | undefined): Promise<string> {
  if (text === undefined) return '';
  const ran = await runIn(lab, node.name, text, signal ? {signal} : {});
  if (ran.code !== 0) throw new Failure(`flannel's own part on ${node.name}: exit ${ran.code}: ${ran.stderr.trim() || 'no message'}`);
  return ran.stdout;
}

/** Waits for all even when one fails: what is under way would otherwise make things while they are cleared away. */
async function every<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

async function restoreText(lab: Lab, node: LabNode, input: string, signal: AbortSignal | undefined): Promise<void> {
  if (input === '') return;
  const ran = await runIn(lab, node.name, ['iptables-restore', '--noflush'], {input, ...(signal && {signal})});
  if (ran.code !== 0) throw new Failure(`iptables-restore --noflush on ${node.name}: ${ran.stderr.trim()}`);
}

/** --random-fully needs iptables 1.6.2 and a kernel that knows it; flanneld leaves it out where it does not work, and so do we. */
async function restore(lab: Lab, node: LabNode, family: 4 | 6, signal: AbortSignal | undefined): Promise<void> {
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  const attempt = (randomFully: boolean) =>
    runIn(lab, node.name, [program, '--noflush'], {input: netfilterOf(lab, node, family, {randomFully}), ...(signal && {signal})});
  const first = await attempt(true);
  if (first.code === 0) return;
  const second = await attempt(false);
  if (second.code !== 0) throw new Failure(`${program} --noflush on ${node.name}: ${second.stderr.trim()}`);
}

/** The underlay routes between segments and to the world; it takes any source, for it knows no pods. */
const routerSysctls = `set -e
cd /proc/sys/net
echo 1 > ipv4/ip_forward
for scope in all default; do
  echo 0 > ipv4/conf/$scope/rp_filter
  echo 0 > ipv4/conf/$scope/send_redirects
done
if [ -d ipv6 ]; then
  echo 1 > ipv6/conf/all/forwarding
  echo 0 > ipv6/conf/default/accept_dad
  echo 0 > ipv6/conf/default/accept_ra
fi
if [ -d bridge ]; then
  echo 0 > bridge/bridge-nf-call-iptables
  echo 0 > bridge/bridge-nf-call-ip6tables
fi
`;
