import {modeOf} from '../../core/modes/index.js';
import {Failure} from '../../failure.js';
import {backendOf} from './backends/index.js';
import {refusesInCloud} from './cloud/lay-out.js';
import type {Lab, LabSpec} from './topology.js';

/** @throws Failure when the spec cannot work (bad name, host-gw over a router, numbers that do not fit the address plan). */
export function checkSpec(spec: LabSpec): void {
  const wrong = (message: string, ...hints: string[]): never => {
    throw new Failure(message, {hints});
  };
  const between = (what: string, value: number, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high)
      wrong(`${what} must be a whole number from ${low} to ${high}, not ${value}`);
  };
  if (!/^[a-z0-9-]{1,12}$/.test(spec.name)) wrong(`${JSON.stringify(spec.name)} is no lab name`, 'use 1 to 12 of a-z, 0-9 and -');
  between('the number of nodes', spec.nodes, 1, 200);
  between('the number of pods on a node', spec.pods, 0, 200);
  between('the VNI', spec.vni, 1, 16_777_215);
  between('the VXLAN port', spec.port, 1, 65_535);
  // 1280 is IPv6's smallest; below, the kernel takes IPv6 off the device.
  between('the MTU', spec.mtu, spec.dualStack ? 1350 : 576, 9000);
  if (spec.dualStack && modeOf(spec.backend)?.noIPv6)
    wrong(`flannel's ${spec.backend} has no IPv6`, 'leave --dual-stack out, or use vxlan, host-gw or wireguard');
  const refused = backendOf(spec.backend).refuses?.(spec);
  if (refused) wrong(refused.message, refused.hint);
  const {cloud} = backendOf(spec.backend);
  const impossible = cloud && refusesInCloud(spec, cloud);
  if (impossible) wrong(impossible.message, impossible.hint);
  if (spec.exclusive + spec.bridged > 0 && spec.backend !== 'tke-vpc-cni')
    wrong('pods with an interface of their own, or on a bridge beside others, are a setting of tke-vpc-cni');
  between('the number of physical hosts', spec.hosts, 1, 2);
  if (spec.hosts > 1 && cloud === undefined) wrong('only in a cloud are there physical hosts', 'use a backend that a cloud carries');
  if (spec.directRouting && !['vxlan', 'ipip', 'extension'].includes(spec.backend))
    wrong('DirectRouting is a setting of vxlan and ipip, and chooses among the commands of extension', 'host-gw routes directly always');
}

/** @throws Failure when interfaces shall not be checked that this lab does not have. */
export function checkUnchecked({spec, cloud, nodes}: Lab): void {
  if (spec.unchecked.length === 0) return;
  if (cloud === undefined)
    throw new Failure('only a cloud checks what an interface sends', {hints: ['use a backend that a cloud carries']});
  const enis = [cloud.vm.eni, ...nodes.flatMap((node) => [...(node.enis ?? []), ...node.pods.flatMap((pod) => pod.eni ?? [])])];
  const unknown = spec.unchecked.find((word) => word !== 'all' && !enis.some(({dev, port}) => word === dev || word === port));
  if (unknown !== undefined)
    throw new Failure(`no network interface of the lab is called ${JSON.stringify(unknown)}`, {
      hints: [`there are: all, ${[...new Set(enis.flatMap(({dev, port}) => [dev, port]))].toSorted().join(', ')}`],
    });
}
