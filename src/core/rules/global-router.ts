import {type GlobalRouterNode, globalRouter, globalRouterNode} from '../model/bridged-node.js';
import type {Cluster} from '../model/cluster.js';
import type {NodeView} from '../model/view.js';
import type {NodeRule} from './rule.js';

export const isGlobalRouter = (cluster: Cluster): boolean => cluster.mode?.ownTable === true;

type GlobalRouterRule = Omit<NodeRule, 'scope' | 'concerns' | 'check'> & {
  check(view: NodeView, node: GlobalRouterNode): ReturnType<NodeRule['check']>;
};

/** A rule about such a node. */
export const globalRouterRule = ({check, ...info}: GlobalRouterRule): NodeRule => ({
  ...info,
  scope: 'node',
  concerns: globalRouter,
  *check(view) {
    const node = globalRouterNode(view);
    if (node) yield* check(view, node);
  },
});
