import {baseOf} from '../../../core/net/prefix.js';
import type {LabFacts, LabNodeFacts} from './fault.js';

/** Does extension make a tunnel here? */
export const ownTunnel = ({backend, directRouting}: LabFacts): boolean => backend === 'extension' && !directRouting;

/** The gateway of a peer's route, which begins its subnet. */
export const gatewayOf = ({subnet}: LabNodeFacts): string => baseOf(subnet);

/** A line of shell that puts the hardware address into `$mac` that a peer published, as this node was told it. */
export const told = (peer: LabNodeFacts): string =>
  `mac=$(ip neigh show ${gatewayOf(peer)} dev ext0 | sed -n 's/.*lladdr \\([^ ]*\\).*/\\1/p') && [ -n "$mac" ]`;
