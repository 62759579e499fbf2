import {access, constants} from 'node:fs/promises';
import {Failure} from '../../failure.js';
import type {DeviceNeed} from './backends/backend.js';
import {backendOf} from './backends/index.js';
import {relayNeeds} from './relay/parts.js';
import {environment, run} from './shell.js';
import type {LabSpec} from './topology.js';

/** Programs the lab calls, and the Debian package that brings each. */
const programs: {readonly [program: string]: string} = {
  ip: 'iproute2',
  bridge: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  'iptables-restore': 'iptables',
  'ip6tables-restore': 'iptables',
  ping: 'iputils-ping',
};
const forSsh: {readonly [program: string]: string} = {
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  bash: 'bash',
};

export type CanMakeLab = {readonly ok: true} | {readonly ok: false; readonly why: string; readonly hints: readonly string[]};

/**
 * Can a lab be made here? Asks for the programs and makes one namespace with a bridge and a vxlan device, which nobody else sees, and the device
 * of the backend, when it has one of its own.
 */
export async function canMakeLab({ssh, backend, hosts}: Partial<Pick<LabSpec, 'ssh' | 'backend' | 'hosts'>> = {}): Promise<CanMakeLab> {
  const needs = hosts === 2 ? relayNeeds : backend === undefined ? undefined : backendOf(backend).needs;
  if (process.platform !== 'linux') return {ok: false, why: 'the lab needs Linux', hints: ['run flanctl in a Linux virtual machine']};
  const missing = await missingPackages({...programs, ...(ssh === true && forSsh), ...needs?.programs});
  if (missing.programs.length > 0) {
    return {ok: false, why: `missing programs: ${missing.programs.join(', ')}`, hints: [`apt-get install ${missing.packages.join(' ')}`]};
  }
  if (process.getuid?.() !== 0) return {ok: false, why: 'the lab needs root to make network namespaces', hints: ['run it with sudo']};
  const probe =
    'ip link add br0 type bridge && ip link add v0 type veth peer name v1 && ip link add x0 type vxlan id 1 dstport 8472 dev v0 && mount -t tmpfs t /run';
  const ran = await run(['unshare', '--net', '--mount', '--uts', '--pid', '--fork', 'sh', '-c', probe]);
  if (ran.code === 0) return needs?.device === undefined ? {ok: true} : hasDevice(needs.device);
  return {
    ok: false,
    why: `this machine cannot make namespaces, bridges or vxlan devices: ${ran.stderr.trim()}`,
    hints: [
      'in a container: run it with --privileged',
      'the kernel needs the modules bridge, veth and vxlan (modprobe -a bridge veth vxlan)',
    ],
  };
}

async function hasDevice({what, probe, modules}: DeviceNeed): Promise<CanMakeLab> {
  const ran = await run(['unshare', '--net', 'sh', '-c', probe]);
  if (ran.code === 0) return {ok: true};
  return {
    ok: false,
    why: `this kernel has no ${what}: ${ran.stderr.trim()}`,
    hints: [
      `modprobe -a ${modules.join(' ')}`,
      "where that finds none, this kernel was built without: Debian's and most distributions' have them",
    ],
  };
}

/** @throws Failure saying what is missing. */
export async function requireLab({ssh, backend, hosts}: Pick<LabSpec, 'ssh' | 'backend' | 'hosts'>): Promise<void> {
  const able = await canMakeLab({ssh, backend, hosts});
  if (!able.ok) throw new Failure(able.why, {hints: able.hints});
}

async function missingPackages(wanted: {readonly [program: string]: string}): Promise<{programs: string[]; packages: string[]}> {
  const folders = (environment()['PATH'] ?? '').split(':');
  const found = async (program: string): Promise<boolean> => {
    const looks = await Promise.all(
      folders.map((folder) =>
        access(`${folder}/${program}`, constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    return looks.includes(true);
  };
  const missing: string[] = [];
  for (const program of Object.keys(wanted)) if (!(await found(program))) missing.push(program);
  return {programs: missing, packages: [...new Set(missing.map((program) => wanted[program]!))]};
}
