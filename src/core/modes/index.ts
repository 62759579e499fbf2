import {alloc} from './alloc.js';
import {extension} from './extension.js';
import {hostGw} from './host-gw.js';
import {ipip} from './ipip.js';
import {ipsec} from './ipsec.js';
import type {Mode} from './mode.js';
import {udp} from './udp.js';
import {vxlan} from './vxlan.js';
import {wireguard} from './wireguard.js';

/** Every network mode flanctl knows. A new mode is one file beside this one and one line here. */
export const modes: readonly Mode[] = [vxlan, hostGw, ipip, udp, wireguard, ipsec, alloc, extension];

export const modeOf = (type: string): Mode | undefined => modes.find((mode) => mode.type === type);
