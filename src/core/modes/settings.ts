import type {Settings} from './mode.js';

const int = (value: unknown, fallback: number): number => (typeof value === 'number' && Number.isInteger(value) ? value : fallback);

/** Reads the keys that more than one mode shares, with flannel's defaults (flannel-backends.md §5.1). */
export function readSettings(backend: {readonly [key: string]: unknown}): Settings {
  const mtu = int(backend['mtu'], 0);
  return {
    vni: int(backend['vni'], 1),
    // Port 0 or absent is the kernel's own default.
    port: int(backend['port'], 0) || 8472,
    directRouting: backend['directrouting'] === true,
    learning: backend['learning'] === true,
    gbp: backend['gbp'] === true,
    ...(mtu > 0 && {mtu}),
  };
}
