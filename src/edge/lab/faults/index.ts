import {backendMixed} from './backend-mixed.js';
import {bridgeAddressChanged} from './bridge-address-changed.js';
import {bridgeAddressFlushed} from './bridge-address-flushed.js';
import {bridgeDeleted} from './bridge-deleted.js';
import {bridgeDown} from './bridge-down.js';
import {bridgeForwardingOff} from './bridge-forwarding-off.js';
import {bridgeMtuLowered} from './bridge-mtu-lowered.js';
import {bridgeNetfilterOff} from './bridge-netfilter-off.js';
import {ofClouds} from './cloud/index.js';
import {cloudSetupRules} from './cloud-setup-rules.js';
import {cniConfigShadowed} from './cni-config-shadowed.js';
import {cniVersionMissing} from './cni-version-missing.js';
import {defaultRouteDeleted} from './default-route-deleted.js';
import {directRouteForgotten} from './direct-route-forgotten.js';
import {extensionCommandLeftOut} from './extension-command-left-out.js';
import {extensionDeviceDeleted} from './extension-device-deleted.js';
import {extensionDeviceDown} from './extension-device-down.js';
import {extensionEntryLeftOut} from './extension-entry-left-out.js';
import {extensionNeighbourLeftOut} from './extension-neighbour-left-out.js';
import {extensionPeerDeparted} from './extension-peer-departed.js';
import {extensionRouteByUplink} from './extension-route-by-uplink.js';
import {extensionWrongAddress} from './extension-wrong-address.js';
import type {Fault} from './fault.js';
import {fdbDefaultRow} from './fdb-default-row.js';
import {fdbRowDeleted} from './fdb-row-deleted.js';
import {fdbRowWrong} from './fdb-row-wrong.js';
import {forwardJumpLost} from './forward-jump-lost.js';
import {forwardPolicyDrop} from './forward-policy-drop.js';
import {forwardRejectFirst} from './forward-reject-first.js';
import {forwardingOff} from './forwarding-off.js';
import {hairpinOff} from './hairpin-off.js';
import {halfSwitchedStrict} from './half-switched-strict.js';
import {ipipDeviceDeleted} from './ipip-device-deleted.js';
import {ipipLocalChanged} from './ipip-local-changed.js';
import {ipipRemoteFixed} from './ipip-remote-fixed.js';
import {ipsecAssociationsGone} from './ipsec-associations-gone.js';
import {ipsecPoliciesOfDepartedNode} from './ipsec-policies-of-departed-node.js';
import {ipsecPolicyBlocks} from './ipsec-policy-blocks.js';
import {ipsecPolicyEndWrong} from './ipsec-policy-end-wrong.js';
import {ipsecPolicyFwdDeleted} from './ipsec-policy-fwd-deleted.js';
import {ipsecPolicyOutDeleted} from './ipsec-policy-out-deleted.js';
import {ipv6ForwardingOff} from './ipv6-forwarding-off.js';
import {ipv6RouteDeleted} from './ipv6-route-deleted.js';
import {masqueradeLost} from './masquerade-lost.js';
import {natRuleOfOldNetwork} from './nat-rule-of-old-network.js';
import {neighbourDeleted} from './neighbour-deleted.js';
import {neighbourDynamic} from './neighbour-dynamic.js';
import {neighbourPinned} from './neighbour-pinned.js';
import {neighbourWrong} from './neighbour-wrong.js';
import {networkOverlaps} from './network-overlaps.js';
import {nftForwardDrop} from './nft-forward-drop.js';
import {nodeBehindRouter} from './node-behind-router.js';
import {oldRouteWins} from './old-route-wins.js';
import {oldTunnelLeft} from './old-tunnel-left.js';
import {ownSubnetSentAway} from './own-subnet-sent-away.js';
import {podAddressForeign} from './pod-address-foreign.js';
import {podGatewayPinned} from './pod-gateway-pinned.js';
import {podMtuStale} from './pod-mtu-stale.js';
import {podsMasqueraded} from './pods-masqueraded.js';
import {policyRulesFlushed} from './policy-rules-flushed.js';
import {publicAddressChanged} from './public-address-changed.js';
import {publicAddressLost} from './public-address-lost.js';
import {routeDeleted} from './route-deleted.js';
import {routeDetour} from './route-detour.js';
import {routeNexthopDead} from './route-nexthop-dead.js';
import {routeOfDepartedNode} from './route-of-departed-node.js';
import {routeOfDepartedNodePlain} from './route-of-departed-node-plain.js';
import {routeRefused} from './route-refused.js';
import {routeShadowedByHalf} from './route-shadowed-by-half.js';
import {strictBehindPolicy} from './strict-behind-policy.js';
import {subnetEnvCopied} from './subnet-env-copied.js';
import {subnetEnvDeleted} from './subnet-env-deleted.js';
import {subnetEnvOutdated} from './subnet-env-outdated.js';
import {tunnelAddressRemoved} from './tunnel-address-removed.js';
import {tunnelDeviceDown} from './tunnel-device-down.js';
import {tunnelMtuLowered} from './tunnel-mtu-lowered.js';
import {tunnelPortClosed} from './tunnel-port-closed.js';
import {udpForeignDevice} from './udp-foreign-device.js';
import {udpProxyEnded} from './udp-proxy-ended.js';
import {uplinkDown} from './uplink-down.js';
import {uplinkMtuLowered} from './uplink-mtu-lowered.js';
import {vethTakenOff} from './veth-taken-off.js';
import {vpnTakesPods} from './vpn-takes-pods.js';
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
import {wgAllowedIpsTaken} from './wg-allowed-ips-taken.js';
import {wgDeviceDeleted} from './wg-device-deleted.js';
import {wgKeyChanged} from './wg-key-changed.js';
import {wgListenPortChanged} from './wg-listen-port-changed.js';
import {wgPeerDeleted} from './wg-peer-deleted.js';
import {wgPeerOfDepartedNode} from './wg-peer-of-departed-node.js';
import {wgPresharedKeyAlone} from './wg-preshared-key-alone.js';
import {wideRouteDeleted} from './wide-route-deleted.js';

/** Faults of what flannel makes. */
const ofFlannel: readonly Fault[] = [
  backendMixed,
  bridgeAddressChanged,
  bridgeAddressFlushed,
  bridgeDeleted,
  bridgeDown,
  bridgeForwardingOff,
  bridgeMtuLowered,
  bridgeNetfilterOff,
  cloudSetupRules,
  cniConfigShadowed,
  cniVersionMissing,
  defaultRouteDeleted,
  directRouteForgotten,
  extensionCommandLeftOut,
  extensionDeviceDeleted,
  extensionDeviceDown,
  extensionEntryLeftOut,
  extensionNeighbourLeftOut,
  extensionPeerDeparted,
  extensionRouteByUplink,
  extensionWrongAddress,
  fdbDefaultRow,
  fdbRowDeleted,
  fdbRowWrong,
  forwardJumpLost,
  forwardPolicyDrop,
  forwardRejectFirst,
  forwardingOff,
  hairpinOff,
  halfSwitchedStrict,
  ipipDeviceDeleted,
  ipipLocalChanged,
  ipipRemoteFixed,
  ipsecAssociationsGone,
  ipsecPoliciesOfDepartedNode,
  ipsecPolicyBlocks,
  ipsecPolicyEndWrong,
  ipsecPolicyFwdDeleted,
  ipsecPolicyOutDeleted,
  ipv6ForwardingOff,
  ipv6RouteDeleted,
  masqueradeLost,
  natRuleOfOldNetwork,
  neighbourDeleted,
  neighbourDynamic,
  neighbourPinned,
  neighbourWrong,
  networkOverlaps,
  nftForwardDrop,
  nodeBehindRouter,
  oldRouteWins,
  oldTunnelLeft,
  ownSubnetSentAway,
  podAddressForeign,
  podGatewayPinned,
  podMtuStale,
  podsMasqueraded,
  policyRulesFlushed,
  publicAddressChanged,
  publicAddressLost,
  routeDeleted,
  routeDetour,
  routeNexthopDead,
  routeOfDepartedNodePlain,
  routeOfDepartedNode,
  routeRefused,
  routeShadowedByHalf,
  strictBehindPolicy,
  subnetEnvCopied,
  subnetEnvDeleted,
  subnetEnvOutdated,
  tunnelAddressRemoved,
  tunnelDeviceDown,
  tunnelMtuLowered,
  tunnelPortClosed,
  udpForeignDevice,
  udpProxyEnded,
  uplinkDown,
  uplinkMtuLowered,
  vethTakenOff,
  vpnTakesPods,
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
  wgAllowedIpsTaken,
  wgDeviceDeleted,
  wgKeyChanged,
  wgListenPortChanged,
  wgPeerDeleted,
  wgPeerOfDepartedNode,
  wgPresharedKeyAlone,
  wideRouteDeleted,
];

/** Where a cloud carries the packets, what flannel would have made is not there to be broken. */
const withoutCloud = (fault: Fault): Fault => ({...fault, fits: (lab) => lab.cloud === undefined && fault.fits(lab)});

/** Every fault the lab can be given. A new fault is one file beside this one, or in `cloud/`, and one line here. */
export const faults: readonly Fault[] = [...ofFlannel.map(withoutCloud), ...ofClouds];
