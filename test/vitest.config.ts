import {defineConfig} from 'vitest/config';
import {LongestFirst} from './longest-first.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those need devices that not every kernel has: bin/test.sh runs them after these.
    exclude: ['test/vm/**'],
    setupFiles: ['test/seed.ts'],
    // oclif commands write to process.stdout themselves; an intercepted console would hide what users see.
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // More than cores: what runs against the kernel mostly waits for answers that do not come.
    maxWorkers: 5,
    sequence: {sequencer: LongestFirst},
    reporters: ['default', './test/closing-line.ts'],
  },
});
