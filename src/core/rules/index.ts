import {cloudHostgwUnsupported} from './cloud-hostgw-unsupported.js';
import {conntrackFull} from './conntrack-full.js';
import {fdbDefaultEntry} from './fdb-default-entry.js';
import {fdbMissing} from './fdb-missing.js';
import {fdbStray} from './fdb-stray.js';
import {fdbWrongDst} from './fdb-wrong-dst.js';
import {hostgwNeighFailed} from './hostgw-neigh-failed.js';
import {leasePodcidrDuplicate} from './lease-podcidr-duplicate.js';
import {migrateOldDeviceLeft} from './migrate-old-device-left.js';
import {neighMissing} from './neigh-missing.js';
import {neighNotPermanent} from './neigh-not-permanent.js';
import {neighStray} from './neigh-stray.js';
import {neighWrongMac} from './neigh-wrong-mac.js';
import {nmCloudSetupOnFlannel} from './nm-cloud-setup-on-flannel.js';
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
import {ruleMainMissing} from './rule-main-missing.js';
import {ruleVpnCapturesPodCidr} from './rule-vpn-captures-pod-cidr.js';
import type {Rule} from './rule.js';
import {scaleNeighOverflow} from './scale-neigh-overflow.js';
import {sysctlIpForwardOff} from './sysctl-ip-forward-off.js';
import {sysctlIpv6Forwarding} from './sysctl-ipv6-forwarding.js';
import {sysctlRpFilterStrict} from './sysctl-rp-filter-strict.js';
import {vxlanDevDown} from './vxlan-dev-down.js';

/** Every rule of doctor. A new rule is one file beside this one and one line here (and its page docs/rules/<id>.md and case folder). */
export const rules: readonly Rule[] = [
  leasePodcidrDuplicate,
  routeNetworkOverlapsHost,
  routeHostgwGatewayOfflink,
  routeLinkdown,
  ruleMainMissing,
  vxlanDevDown,
  routeBlackholeStale,
  routeDirectroutingMixed,
  routeMissing,
  routeOwnSubnetRemote,
  routeShadowed,
  routeStale,
  routeWrongNexthop,
  cloudHostgwUnsupported,
  hostgwNeighFailed,
  neighMissing,
  neighNotPermanent,
  neighStray,
  neighWrongMac,
  fdbDefaultEntry,
  fdbMissing,
  fdbStray,
  fdbWrongDst,
  nmCloudSetupOnFlannel,
  ruleVpnCapturesPodCidr,
  conntrackFull,
  scaleNeighOverflow,
  sysctlIpForwardOff,
  sysctlIpv6Forwarding,
  sysctlRpFilterStrict,
  migrateOldDeviceLeft,
];
