// Over 250 lines: every rule has two here, and a list of lists would be no shorter.
import {bridgeAddressConflict} from './bridge-address-conflict.js';
import {cloudAliExclusiveRows} from './cloud-ali-exclusive-rows.js';
import {cloudAwsRestartGap} from './cloud-aws-restart-gap.js';
import {cloudBackendRemoved} from './cloud-backend-removed.js';
import {cloudCcnNotPublished} from './cloud-ccn-not-published.js';
import {cloudCredentialsInConfig} from './cloud-credentials-in-config.js';
import {cloudDataOld} from './cloud-data-old.js';
import {cloudHostgwUnsupported} from './cloud-hostgw-unsupported.js';
import {cloudMasqHidesMissingRow} from './cloud-masq-hides-missing-row.js';
import {cloudNodeSeesRemoteSubnet} from './cloud-node-sees-remote-subnet.js';
import {cloudPublicipAsNexthop} from './cloud-publicip-as-nexthop.js';
import {cloudRouteDisabled} from './cloud-route-disabled.js';
import {cloudRouteEcmpDuplicate} from './cloud-route-ecmp-duplicate.js';
import {cloudRouteForeignTarget} from './cloud-route-foreign-target.js';
import {cloudRouteMissing} from './cloud-route-missing.js';
import {cloudRouteOverlapVpc} from './cloud-route-overlap-vpc.js';
import {cloudRouteQuota} from './cloud-route-quota.js';
import {cloudRouteShadowedByNode} from './cloud-route-shadowed-by-node.js';
import {cloudRouteStale} from './cloud-route-stale.js';
import {cloudRouteWrongNexthop} from './cloud-route-wrong-nexthop.js';
import {cloudRouteWrongTable} from './cloud-route-wrong-table.js';
import {cloudSrcDstCheck} from './cloud-src-dst-check.js';
import {cniConfigInvalidVersion} from './cni-config-invalid-version.js';
import {cniConfigMissing} from './cni-config-missing.js';
import {cniConfigShadowed} from './cni-config-shadowed.js';
import {cniPluginBinaryMissing} from './cni-plugin-binary-missing.js';
import {cni0AddrMismatch} from './cni0-addr-mismatch.js';
import {cni0Missing} from './cni0-missing.js';
import {cni0NoAddress} from './cni0-no-address.js';
import {conntrackFull} from './conntrack-full.js';
import {controlplaneMissedEvents} from './controlplane-missed-events.js';
import {eniLeftOnHost} from './eni-left-on-host.js';
import {eniPodAddressMismatch} from './eni-pod-address-mismatch.js';
import {eniPodDefaultMissing} from './eni-pod-default-missing.js';
import {eniPodNicMissing} from './eni-pod-nic-missing.js';
import {etcdConfigUnreadable} from './etcd-config-unreadable.js';
import {etcdLeaseExpiring} from './etcd-lease-expiring.js';
import {etcdLeaseLost} from './etcd-lease-lost.js';
import {extensionCommandSplit} from './extension-command-split.js';
import {extensionDevMissing} from './extension-dev-missing.js';
import {fdbDefaultEntry} from './fdb-default-entry.js';
import {fdbMissing} from './fdb-missing.js';
import {fdbStray} from './fdb-stray.js';
import {fdbWrongDst} from './fdb-wrong-dst.js';
import {flanneldApiserverUnreachable} from './flanneld-apiserver-unreachable.js';
import {flanneldDuplicateDaemonset} from './flanneld-duplicate-daemonset.js';
import {flanneldNotRunning} from './flanneld-not-running.js';
import {flanneldOom} from './flanneld-oom.js';
import {fwEncapPortBlocked} from './fw-encap-port-blocked.js';
import {fwFlannelChainMissing} from './fw-flannel-chain-missing.js';
import {fwFlannelRuleAfterReject} from './fw-flannel-rule-after-reject.js';
import {fwForeignNftReject} from './fw-foreign-nft-reject.js';
import {fwForwardDrop} from './fw-forward-drop.js';
import {fwIptablesVariantMixed} from './fw-iptables-variant-mixed.js';
import {fwNftAcceptNotFinal} from './fw-nft-accept-not-final.js';
import {fwNftTableMissing} from './fw-nft-table-missing.js';
import {grBridgeMissing} from './gr-bridge-missing.js';
import {grBridgeRouteMissing} from './gr-bridge-route-missing.js';
import {grBridgeWrongCidr} from './gr-bridge-wrong-cidr.js';
import {grBrnfForwardDrop} from './gr-brnf-forward-drop.js';
import {grCiliumChained} from './gr-cilium-chained.js';
import {grClusterCidrExhausted} from './gr-cluster-cidr-exhausted.js';
import {grMasqClusterCidr} from './gr-masq-cluster-cidr.js';
import {grMixedRuleMissing} from './gr-mixed-rule-missing.js';
import {grPodcidrDuplicate} from './gr-podcidr-duplicate.js';
import {grPortDetached} from './gr-port-detached.js';
import {hairpinOff} from './hairpin-off.js';
import {hostgwNeighFailed} from './hostgw-neigh-failed.js';
import {ifaceNoDefaultRoute} from './iface-no-default-route.js';
import {ipipDevLocalWrong} from './ipip-dev-local-wrong.js';
import {ipipDevMissing} from './ipip-dev-missing.js';
import {ipsecAssociationMissing} from './ipsec-association-missing.js';
import {ipsecPolicyMissing} from './ipsec-policy-missing.js';
import {ipsecPolicyWrong} from './ipsec-policy-wrong.js';
import {ipv6PrerequisiteMissing} from './ipv6-prerequisite-missing.js';
import {ipv6RouterAdvertAddress} from './ipv6-router-advert-address.js';
import {kubeproxyCidrMismatch} from './kubeproxy-cidr-mismatch.js';
import {leaseAnnotationMissing} from './lease-annotation-missing.js';
import {leaseBackendMixed} from './lease-backend-mixed.js';
import {leaseDeadNode} from './lease-dead-node.js';
import {leaseFirstSubnet} from './lease-first-subnet.js';
import {leaseIfaceWrongNetwork} from './lease-iface-wrong-network.js';
import {leasePodcidrDuplicate} from './lease-podcidr-duplicate.js';
import {leasePodcidrExhausted} from './lease-podcidr-exhausted.js';
import {leasePodcidrMissing} from './lease-podcidr-missing.js';
import {leasePodcidrOutsideNetwork} from './lease-podcidr-outside-network.js';
import {leasePodcidrOverlap} from './lease-podcidr-overlap.js';
import {leasePublicIpDuplicate} from './lease-public-ip-duplicate.js';
import {leasePublicIpOverwriteStale} from './lease-public-ip-overwrite-stale.js';
import {leasePublicIpStale} from './lease-public-ip-stale.js';
import {leaseSubnetChanged} from './lease-subnet-changed.js';
import {leaseUnreadable} from './lease-unreadable.js';
import {leaseVtepmacDuplicate} from './lease-vtepmac-duplicate.js';
import {leaseVtepmacMismatch} from './lease-vtepmac-mismatch.js';
import {leaseVxlanParamsMismatch} from './lease-vxlan-params-mismatch.js';
import {migrateAnnotationLeftover} from './migrate-annotation-leftover.js';
import {migrateDaemonConfigSplit} from './migrate-daemon-config-split.js';
import {migrateIpsecPoliciesLeft} from './migrate-ipsec-policies-left.js';
import {migrateOldDeviceLeft} from './migrate-old-device-left.js';
import {migrateOldRoutesWin} from './migrate-old-routes-win.js';
import {mtuBackendValueMisread} from './mtu-backend-value-misread.js';
import {mtuNodeMismatch} from './mtu-node-mismatch.js';
import {mtuOverlayTooLarge} from './mtu-overlay-too-large.js';
import {mtuPodStale} from './mtu-pod-stale.js';
import {natMasqueradeMissing} from './nat-masquerade-missing.js';
import {natPodToPodMasqueraded} from './nat-pod-to-pod-masqueraded.js';
import {natStaleCidrRules} from './nat-stale-cidr-rules.js';
import {neighMissing} from './neigh-missing.js';
import {neighNotPermanent} from './neigh-not-permanent.js';
import {neighStray} from './neigh-stray.js';
import {neighWrongMac} from './neigh-wrong-mac.js';
import {netconfInvalid} from './netconf-invalid.js';
import {nmCloudSetupOnFlannel} from './nm-cloud-setup-on-flannel.js';
import {nodeNetworkUnavailable} from './node-network-unavailable.js';
import {podGatewayNeighbourBad} from './pod-gateway-neighbour-bad.js';
import {podIpDuplicate} from './pod-ip-duplicate.js';
import {podIpOutsidePodcidr} from './pod-ip-outside-podcidr.js';
import {routeBlackholeStale} from './route-blackhole-stale.js';
import {routeDirectroutingMixed} from './route-directrouting-mixed.js';
import {routeHostgwGatewayOfflink} from './route-hostgw-gateway-offlink.js';
import {routeLinkdown} from './route-linkdown.js';
import {routeMissing} from './route-missing.js';
import {routeNetworkOverlapsHost} from './route-network-overlaps-host.js';
import {routeOwnSubnetRemote} from './route-own-subnet-remote.js';
import {routeShadowed} from './route-shadowed.js';
import {routeStale} from './route-stale.js';
import {routeWrongNexthop} from './route-wrong-nexthop.js';
import type {Rule} from './rule.js';
import {ruleMainMissing} from './rule-main-missing.js';
import {ruleVpnCapturesPodCidr} from './rule-vpn-captures-pod-cidr.js';
import {scaleEventQueue} from './scale-event-queue.js';
import {scaleNeighOverflow} from './scale-neigh-overflow.js';
import {subnetEnvMissing} from './subnet-env-missing.js';
import {subnetEnvStale} from './subnet-env-stale.js';
import {sysctlBrNetfilterMissing} from './sysctl-br-netfilter-missing.js';
import {sysctlIpForwardOff} from './sysctl-ip-forward-off.js';
import {sysctlIpv6Forwarding} from './sysctl-ipv6-forwarding.js';
import {sysctlRpFilterStrict} from './sysctl-rp-filter-strict.js';
import {tunnelDevDown} from './tunnel-dev-down.js';
import {tunnelModuleMissing} from './tunnel-module-missing.js';
import {udpProxyMissing} from './udp-proxy-missing.js';
import {udpTunMissing} from './udp-tun-missing.js';
import {underlayNodesBehindNat} from './underlay-nodes-behind-nat.js';
import {vethNotEnslaved} from './veth-not-enslaved.js';
import {vmSgLacksPodRange} from './vm-sg-lacks-pod-range.js';
import {vmSubnetTableWithoutRows} from './vm-subnet-table-without-rows.js';
import {vpcEniDefaultPreferred} from './vpc-eni-default-preferred.js';
import {vpcEniMacMismatch} from './vpc-eni-mac-mismatch.js';
import {vpcEniMainRouteDuplicate} from './vpc-eni-main-route-duplicate.js';
import {vpcEniNoAddress} from './vpc-eni-no-address.js';
import {vpcEniTableConflict} from './vpc-eni-table-conflict.js';
import {vpcEniTableEmpty} from './vpc-eni-table-empty.js';
import {vpcForwardDrop} from './vpc-forward-drop.js';
import {vpcFwmarkRuleMissing} from './vpc-fwmark-rule-missing.js';
import {vpcHostRouteMissing} from './vpc-host-route-missing.js';
import {vpcHostRouteWrongVeth} from './vpc-host-route-wrong-veth.js';
import {vpcIpNotOnEni} from './vpc-ip-not-on-eni.js';
import {vpcNoPublicPath} from './vpc-no-public-path.js';
import {vpcPodGatewayRouteMissing} from './vpc-pod-gateway-route-missing.js';
import {vpcRpFilterStrict} from './vpc-rp-filter-strict.js';
import {vpcRuleDuplicate} from './vpc-rule-duplicate.js';
import {vpcRuleFromPodMissing} from './vpc-rule-from-pod-missing.js';
import {vpcRuleLeaked} from './vpc-rule-leaked.js';
import {vpcRuleOrder} from './vpc-rule-order.js';
import {vpcRuleToPodMissing} from './vpc-rule-to-pod-missing.js';
import {vpcRuleWrongTable} from './vpc-rule-wrong-table.js';
import {vpcStaticArpMismatch} from './vpc-static-arp-mismatch.js';
import {vpcStaticArpMissing} from './vpc-static-arp-missing.js';
import {vpcSubnetExhausted} from './vpc-subnet-exhausted.js';
import {vxlanDevAddressWrong} from './vxlan-dev-address-wrong.js';
import {vxlanDevDown} from './vxlan-dev-down.js';
import {vxlanDevEmpty} from './vxlan-dev-empty.js';
import {vxlanDevMissing} from './vxlan-dev-missing.js';
import {vxlanDevParamsDrift} from './vxlan-dev-params-drift.js';
import {vxlanModuleMissing} from './vxlan-module-missing.js';
import {vxlanPortInUse} from './vxlan-port-in-use.js';
import {wgAllowedIpsWrong} from './wg-allowed-ips-wrong.js';
import {wgDevMissing} from './wg-dev-missing.js';
import {wgEndpointUnreachable} from './wg-endpoint-unreachable.js';
import {wgKeepaliveOff} from './wg-keepalive-off.js';
import {wgKeyMismatch} from './wg-key-mismatch.js';
import {wgListenPortWrong} from './wg-listen-port-wrong.js';
import {wgNatSharedEndpoint} from './wg-nat-shared-endpoint.js';
import {wgPeerMissing} from './wg-peer-missing.js';
import {wgPeerStale} from './wg-peer-stale.js';
import {wgPskMismatch} from './wg-psk-mismatch.js';

/** Every rule of doctor. A new rule is one file beside this one and one line here (and its page docs/rules/<id>.md and case folder). */
export const rules: readonly Rule[] = [
  ipv6PrerequisiteMissing,
  ipv6RouterAdvertAddress,
  leaseAnnotationMissing,
  controlplaneMissedEvents,
  etcdLeaseLost,
  leasePodcidrMissing,
  leasePodcidrExhausted,
  scaleEventQueue,
  leaseDeadNode,
  etcdLeaseExpiring,
  etcdConfigUnreadable,
  flanneldApiserverUnreachable,
  flanneldDuplicateDaemonset,
  flanneldNotRunning,
  flanneldOom,
  nodeNetworkUnavailable,
  leaseUnreadable,
  leasePublicIpOverwriteStale,
  leaseSubnetChanged,
  leaseBackendMixed,
  leaseFirstSubnet,
  leaseIfaceWrongNetwork,
  leasePodcidrDuplicate,
  leasePodcidrOutsideNetwork,
  leasePodcidrOverlap,
  leasePublicIpDuplicate,
  leasePublicIpStale,
  leaseVtepmacDuplicate,
  leaseVtepmacMismatch,
  leaseVxlanParamsMismatch,
  wgKeyMismatch,
  extensionCommandSplit,
  wgNatSharedEndpoint,
  netconfInvalid,
  underlayNodesBehindNat,
  routeNetworkOverlapsHost,
  vxlanModuleMissing,
  vxlanPortInUse,
  tunnelModuleMissing,
  bridgeAddressConflict,
  cniConfigInvalidVersion,
  cniConfigMissing,
  cniConfigShadowed,
  cniPluginBinaryMissing,
  cni0AddrMismatch,
  cni0Missing,
  cni0NoAddress,
  routeHostgwGatewayOfflink,
  routeLinkdown,
  ruleMainMissing,
  subnetEnvMissing,
  subnetEnvStale,
  vxlanDevAddressWrong,
  vxlanDevDown,
  vxlanDevEmpty,
  vxlanDevMissing,
  vxlanDevParamsDrift,
  ipipDevMissing,
  ipipDevLocalWrong,
  wgDevMissing,
  wgListenPortWrong,
  udpTunMissing,
  udpProxyMissing,
  extensionDevMissing,
  tunnelDevDown,
  migrateIpsecPoliciesLeft,
  ifaceNoDefaultRoute,
  routeBlackholeStale,
  routeDirectroutingMixed,
  routeMissing,
  routeOwnSubnetRemote,
  routeShadowed,
  routeStale,
  routeWrongNexthop,
  migrateOldRoutesWin,
  cloudHostgwUnsupported,
  cloudAliExclusiveRows,
  cloudAwsRestartGap,
  cloudBackendRemoved,
  cloudCcnNotPublished,
  cloudCredentialsInConfig,
  cloudDataOld,
  cloudMasqHidesMissingRow,
  cloudNodeSeesRemoteSubnet,
  cloudPublicipAsNexthop,
  cloudRouteDisabled,
  cloudRouteEcmpDuplicate,
  cloudRouteForeignTarget,
  cloudRouteMissing,
  cloudRouteOverlapVpc,
  cloudRouteQuota,
  cloudRouteShadowedByNode,
  cloudRouteStale,
  cloudRouteWrongNexthop,
  cloudRouteWrongTable,
  cloudSrcDstCheck,
  hostgwNeighFailed,
  neighMissing,
  neighNotPermanent,
  neighStray,
  neighWrongMac,
  fdbDefaultEntry,
  fdbMissing,
  fdbStray,
  fdbWrongDst,
  wgPeerMissing,
  wgAllowedIpsWrong,
  wgPskMismatch,
  nmCloudSetupOnFlannel,
  ruleVpnCapturesPodCidr,
  ipsecPolicyMissing,
  ipsecPolicyWrong,
  fwEncapPortBlocked,
  fwFlannelChainMissing,
  fwFlannelRuleAfterReject,
  fwForeignNftReject,
  fwForwardDrop,
  fwIptablesVariantMixed,
  fwNftAcceptNotFinal,
  fwNftTableMissing,
  kubeproxyCidrMismatch,
  natMasqueradeMissing,
  natPodToPodMasqueraded,
  natStaleCidrRules,
  conntrackFull,
  scaleNeighOverflow,
  sysctlBrNetfilterMissing,
  sysctlIpForwardOff,
  sysctlIpv6Forwarding,
  sysctlRpFilterStrict,
  mtuBackendValueMisread,
  mtuNodeMismatch,
  mtuOverlayTooLarge,
  mtuPodStale,
  wgEndpointUnreachable,
  ipsecAssociationMissing,
  hairpinOff,
  podGatewayNeighbourBad,
  podIpDuplicate,
  podIpOutsidePodcidr,
  vethNotEnslaved,
  migrateAnnotationLeftover,
  migrateDaemonConfigSplit,
  migrateOldDeviceLeft,
  wgKeepaliveOff,
  wgPeerStale,
  vpcIpNotOnEni,
  grBridgeMissing,
  grBridgeWrongCidr,
  vpcEniMacMismatch,
  vpcEniNoAddress,
  grBridgeRouteMissing,
  vpcEniTableEmpty,
  vpcEniTableConflict,
  vpcHostRouteMissing,
  vpcHostRouteWrongVeth,
  vpcEniMainRouteDuplicate,
  vpcEniDefaultPreferred,
  vpcRuleToPodMissing,
  vpcRuleFromPodMissing,
  vpcRuleWrongTable,
  vpcRuleDuplicate,
  vpcRuleLeaked,
  vpcRuleOrder,
  vpcFwmarkRuleMissing,
  grMixedRuleMissing,
  grCiliumChained,
  grBrnfForwardDrop,
  vpcForwardDrop,
  vpcRpFilterStrict,
  grPortDetached,
  vpcStaticArpMissing,
  vpcStaticArpMismatch,
  vpcPodGatewayRouteMissing,
  eniPodNicMissing,
  eniPodAddressMismatch,
  eniPodDefaultMissing,
  eniLeftOnHost,
  grClusterCidrExhausted,
  grMasqClusterCidr,
  grPodcidrDuplicate,
  vpcNoPublicPath,
  vpcSubnetExhausted,
  vmSgLacksPodRange,
  vmSubnetTableWithoutRows,
];
