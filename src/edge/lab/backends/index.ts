import {alloc} from './alloc.js';
import {awsVpcCni} from './aws-vpc-cni.js';
import type {Backend} from './backend.js';
import {extension} from './extension.js';
import {hostGw} from './host-gw.js';
import {ipip} from './ipip.js';
import {ipsec} from './ipsec.js';
import {tencentVpc} from './tencent-vpc.js';
import {terway} from './terway.js';
import {tkeGlobalRouter} from './tke-global-router.js';
import {tkeVpcCni} from './tke-vpc-cni.js';
import {udp} from './udp.js';
import {vxlan} from './vxlan.js';
import {wireguard} from './wireguard.js';

/** Every backend that a lab can be made of. A new one is one file beside this one and one line here. */
export const backends: readonly Backend[] = [
  vxlan,
  hostGw,
  ipip,
  udp,
  wireguard,
  ipsec,
  extension,
  alloc,
  tencentVpc,
  tkeGlobalRouter,
  tkeVpcCni,
  awsVpcCni,
  terway,
];

/** @throws Error when the lab has no such backend: the command takes only those that it has. */
export function backendOf(type: string): Backend {
  const backend = backends.find((one) => one.type === type);
  if (backend === undefined) throw new Error(`the lab knows no backend ${type}`);
  return backend;
}
