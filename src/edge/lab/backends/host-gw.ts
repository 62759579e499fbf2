import type {Backend} from './backend.js';

export const hostGw: Backend = {
  type: 'host-gw',
  netConf: () => ({}),
  refuses: ({underlay}) =>
    underlay === 'routed'
      ? {
          message: "host-gw cannot work across a router: each node must reach every other node's address on its own link",
          hint: 'use --backend vxlan, or --underlay flat',
        }
      : undefined,
};
