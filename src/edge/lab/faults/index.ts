import {backendMixed} from './backend-mixed.js';
import {bridgeAddressChanged} from './bridge-address-changed.js';
import {bridgeAddressFlushed} from './bridge-address-flushed.js';
import {bridgeDeleted} from './bridge-deleted.js';
import {bridgeDown} from './bridge-down.js';
import {bridgeMtuLowered} from './bridge-mtu-lowered.js';
import {cniConfigShadowed} from './cni-config-shadowed.js';
import {cniVersionMissing} from './cni-version-missing.js';
import {defaultRouteDeleted} from './default-route-deleted.js';
import type {Fault} from './fault.js';
import {hairpinOff} from './hairpin-off.js';
import {podAddressForeign} from './pod-address-foreign.js';
import {podGatewayPinned} from './pod-gateway-pinned.js';
import {podMtuStale} from './pod-mtu-stale.js';
import {publicAddressChanged} from './public-address-changed.js';
import {publicAddressLost} from './public-address-lost.js';
import {routeDeleted} from './route-deleted.js';
import {subnetEnvCopied} from './subnet-env-copied.js';
import {subnetEnvDeleted} from './subnet-env-deleted.js';
import {subnetEnvOutdated} from './subnet-env-outdated.js';
import {tunnelMtuLowered} from './tunnel-mtu-lowered.js';
import {uplinkMtuLowered} from './uplink-mtu-lowered.js';
import {vethTakenOff} from './veth-taken-off.js';
import {vtepMacChanged} from './vtep-mac-changed.js';
import {vtepMacDuplicated} from './vtep-mac-duplicated.js';
import {vxlanAddressForeign} from './vxlan-address-foreign.js';
import {vxlanAddressRemoved} from './vxlan-address-removed.js';
import {vxlanDeviceDeleted} from './vxlan-device-deleted.js';
import {vxlanDeviceDown} from './vxlan-device-down.js';
import {vxlanDeviceMadeAnew} from './vxlan-device-made-anew.js';
import {vxlanLearningOn} from './vxlan-learning-on.js';
import {vxlanLowerDeviceWrong} from './vxlan-lower-device-wrong.js';
import {vxlanPortChanged} from './vxlan-port-changed.js';
import {vxlanPortTaken} from './vxlan-port-taken.js';

/** Every fault the lab can be given. A new fault is one file beside this one and one line here. */
export const faults: readonly Fault[] = [
  backendMixed,
  bridgeAddressChanged,
  bridgeAddressFlushed,
  bridgeDeleted,
  bridgeDown,
  bridgeMtuLowered,
  cniConfigShadowed,
  cniVersionMissing,
  defaultRouteDeleted,
  hairpinOff,
  podAddressForeign,
  podGatewayPinned,
  podMtuStale,
  publicAddressChanged,
  publicAddressLost,
  routeDeleted,
  subnetEnvCopied,
  subnetEnvDeleted,
  subnetEnvOutdated,
  tunnelMtuLowered,
  uplinkMtuLowered,
  vethTakenOff,
  vtepMacChanged,
  vtepMacDuplicated,
  vxlanAddressForeign,
  vxlanAddressRemoved,
  vxlanDeviceDeleted,
  vxlanDeviceDown,
  vxlanDeviceMadeAnew,
  vxlanLearningOn,
  vxlanLowerDeviceWrong,
  vxlanPortChanged,
  vxlanPortTaken,
];
