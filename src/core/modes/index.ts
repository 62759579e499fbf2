import {aliVpc} from './ali-vpc.js';
import {alloc} from './alloc.js';
import {awsVpc} from './aws-vpc.js';
import {awsVpcCni} from './aws-vpc-cni.js';
import {extension} from './extension.js';
import {gce} from './gce.js';
import {hostGw} from './host-gw.js';
import {ipip} from './ipip.js';
import {ipsec} from './ipsec.js';
import type {Mode} from './mode.js';
import {tencentVpc} from './tencent-vpc.js';
import {terway} from './terway.js';
import {tkeGlobalRouter} from './tke-global-router.js';
import {tkeVpcCniExclusive} from './tke-vpc-cni-exclusive.js';
import {tkeVpcCniShared} from './tke-vpc-cni-shared.js';
import {udp} from './udp.js';
import {vxlan} from './vxlan.js';
import {wireguard} from './wireguard.js';

/**
 * Every network mode flanctl knows. A new mode is one file beside this one and one line here. Of two that a node shows with equal right the
 * first is taken: with pods on its bridge and pods with addresses of the VPC it is a node of Global Router.
 */
export const modes: readonly Mode[] = [
  ...[vxlan, hostGw, ipip, udp, wireguard, ipsec, alloc, extension],
  ...[tencentVpc, aliVpc, awsVpc, gce],
  ...[tkeGlobalRouter, tkeVpcCniShared, tkeVpcCniExclusive, awsVpcCni, terway],
];

export const modeOf = (type: string): Mode | undefined => modes.find((mode) => mode.type === type);
