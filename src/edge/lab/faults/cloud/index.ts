import type {Fault} from '../fault.js';
import {bridgeRuleDeleted} from './bridge-rule-deleted.js';
import {bridgedPodDefaultDeleted} from './bridged-pod-default-deleted.js';
import {cbr0AddressChanged} from './cbr0-address-changed.js';
import {cbr0AddressFlushed} from './cbr0-address-flushed.js';
import {cbr0Down} from './cbr0-down.js';
import {cbr0ForwardDrop} from './cbr0-forward-drop.js';
import {cbr0MaskChanged} from './cbr0-mask-changed.js';
import {cbr0PortOff} from './cbr0-port-off.js';
import {cbr0RouteDeleted} from './cbr0-route-deleted.js';
import {cloudRowDisabled} from './cloud-row-disabled.js';
import {cloudRowInOneTable} from './cloud-row-in-one-table.js';
import {cloudRowMissing} from './cloud-row-missing.js';
import {cloudRowOfSenderMissing} from './cloud-row-of-sender-missing.js';
import {cloudRowSecond} from './cloud-row-second.js';
import {cloudRowStale} from './cloud-row-stale.js';
import {cloudRowToNat} from './cloud-row-to-nat.js';
import {cloudRowWrong} from './cloud-row-wrong.js';
import {eniAddressLost} from './eni-address-lost.js';
import {eniAddressMoved} from './eni-address-moved.js';
import {eniAddressReleased} from './eni-address-released.js';
import {eniDefaultInMain} from './eni-default-in-main.js';
import {eniFlapped} from './eni-flapped.js';
import {eniMacChanged} from './eni-mac-changed.js';
import {eniStrict} from './eni-strict.js';
import {eniSubnetInMain} from './eni-subnet-in-main.js';
import {fwmarkRuleDeleted} from './fwmark-rule-deleted.js';
import {nodeDefaultDeleted} from './node-default-deleted.js';
import {nodeForwardingOff} from './node-forwarding-off.js';
import {nodeGroupLacksPods} from './node-group-lacks-pods.js';
import {ownDefaultDeleted} from './own-default-deleted.js';
import {ownNicAddressChanged} from './own-nic-address-changed.js';
import {ownNicDefaultDeleted} from './own-nic-default-deleted.js';
import {ownNicDown} from './own-nic-down.js';
import {peerRouteLeft} from './peer-route-left.js';
import {podArpDeleted} from './pod-arp-deleted.js';
import {podArpWrong} from './pod-arp-wrong.js';
import {podDefaultDeleted} from './pod-default-deleted.js';
import {podForwardDrop} from './pod-forward-drop.js';
import {podGatewayRouteDeleted} from './pod-gateway-route-deleted.js';
import {podRouteDeleted} from './pod-route-deleted.js';
import {podRouteWrongVeth} from './pod-route-wrong-veth.js';
import {podRowsOfMovedPod} from './pod-rows-of-moved-pod.js';
import {podRuleFromDeleted} from './pod-rule-from-deleted.js';
import {podRuleToDeleted} from './pod-rule-to-deleted.js';
import {podRuleTwice} from './pod-rule-twice.js';
import {podRuleWrongTable} from './pod-rule-wrong-table.js';
import {podRulesOfGonePod} from './pod-rules-of-gone-pod.js';
import {podRulesOfMovedPod} from './pod-rules-of-moved-pod.js';
import {podTableEmptied} from './pod-table-emptied.js';
import {podTableShared} from './pod-table-shared.js';
import {podVethDown} from './pod-veth-down.js';
import {ruleBeforePods} from './rule-before-pods.js';
import {vmGroupLacksPods} from './vm-group-lacks-pods.js';

/** Faults of what a cloud and its agents make: of its rows and interfaces, and of what hangs pods on nodes there. */
export const ofClouds: readonly Fault[] = [
  bridgeRuleDeleted,
  bridgedPodDefaultDeleted,
  cbr0AddressChanged,
  cbr0AddressFlushed,
  cbr0Down,
  cbr0ForwardDrop,
  cbr0MaskChanged,
  cbr0PortOff,
  cbr0RouteDeleted,
  cloudRowDisabled,
  cloudRowInOneTable,
  cloudRowMissing,
  cloudRowOfSenderMissing,
  cloudRowSecond,
  cloudRowStale,
  cloudRowToNat,
  cloudRowWrong,
  eniAddressLost,
  eniAddressMoved,
  eniAddressReleased,
  eniDefaultInMain,
  eniFlapped,
  eniMacChanged,
  eniStrict,
  eniSubnetInMain,
  fwmarkRuleDeleted,
  nodeDefaultDeleted,
  nodeForwardingOff,
  nodeGroupLacksPods,
  ownDefaultDeleted,
  ownNicAddressChanged,
  ownNicDefaultDeleted,
  ownNicDown,
  peerRouteLeft,
  podArpDeleted,
  podArpWrong,
  podDefaultDeleted,
  podForwardDrop,
  podGatewayRouteDeleted,
  podRouteDeleted,
  podRouteWrongVeth,
  podRowsOfMovedPod,
  podRuleFromDeleted,
  podRuleToDeleted,
  podRuleTwice,
  podRuleWrongTable,
  podRulesOfGonePod,
  podRulesOfMovedPod,
  podTableEmptied,
  podTableShared,
  podVethDown,
  ruleBeforePods,
  vmGroupLacksPods,
];
