import * as alibaba from './alibaba.js';
import * as aws from './aws.js';
import * as gcp from './gcp.js';
import * as own from './own.js';
import type {Shape} from './shape.js';
import * as tencent from './tencent.js';
import * as tke from './tke.js';

/** What `--cloud-routes` takes. */
export const routeShapes: readonly Shape[] = [
  tencent.routeTables,
  tencent.routes,
  tencent.globalRoutes,
  tencent.ccnRoutes,
  tke.clusterRoutes,
  tke.clusterRouteTables,
  alibaba.routeEntryList,
  alibaba.routeTables,
  alibaba.routeTableList,
  aws.routeTables,
  gcp.routes,
  own.routes,
];

/** What `--cloud-groups` takes. */
export const groupShapes: readonly Shape[] = [
  tencent.groupPolicies,
  alibaba.groupAttribute,
  aws.securityGroups,
  gcp.firewallRules,
  own.groups,
];

/** What `--cloud-enis` takes. */
export const eniShapes: readonly Shape[] = [
  tencent.interfaces,
  tencent.subnets,
  alibaba.interfaces,
  alibaba.subnets,
  aws.interfaces,
  aws.subnets,
  gcp.instances,
  own.interfaces,
];
