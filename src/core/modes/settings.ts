import type {Settings} from './mode.js';

/** A whole number of the Backend object; anything else is the default, as Go's zero value is. */
export const int = (value: unknown, fallback: number): number => (typeof value === 'number' && Number.isInteger(value) ? value : fallback);

/** Reads the keys that more than one mode shares, with flannel's defaults (flannel-backends.md §5.1); `port` is the mode's own default. */
export function readSettings(backend: {readonly [key: string]: unknown}, port = 8472): Settings {
  const mtu = int(backend['mtu'], 0);
  return {
    vni: int(backend['vni'], 1),
    // Port 0 or absent is the kernel's own default.
    port: int(backend['port'], 0) || port,
    directRouting: backend['directrouting'] === true,
    learning: backend['learning'] === true,
    gbp: backend['gbp'] === true,
    ...(mtu > 0 && {mtu}),
  };
}
