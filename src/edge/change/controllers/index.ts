import type {Controller} from './controller.js';

/** A new controller is one file beside this one and one line here. */
export const controllers: {readonly [K in Controller['kind']]: () => Promise<Controller>} = {
  kube: async () => (await import('./kube.js')).kube,
  none: async () => (await import('./none.js')).none,
  k3s: async () => (await import('./k3s.js')).k3s,
  systemd: async () => (await import('./systemd.js')).systemd,
};
