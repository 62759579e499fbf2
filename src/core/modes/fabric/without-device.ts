import type {Mode} from '../mode.js';
import {readSettings} from '../settings.js';

/** What modes have in common that make no device: pods' packets leave as they are, and the configuration has nothing that the kernel must hold. */
export const withoutDevice = {
  neighbours: false,
  settings: () => readSettings({}),
  overhead: () => 0,
  devices: () => [],
  ownsDevice: () => false,
  podMtu: (_settings, uplinkMtu) => uplinkMtu,
  publishes: () => ({}),
} as const satisfies Partial<Mode>;
