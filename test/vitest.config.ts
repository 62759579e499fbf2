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
    // There to end what hangs. What takes seconds on an idle machine takes minutes on one that is shared: these are no measure of speed.
    testTimeout: 150_000,
    hookTimeout: 300_000,
    // More than cores: what runs against the kernel mostly waits for answers that do not come.
    maxWorkers: 5,
    sequence: {sequencer: LongestFirst},
    reporters: ['default', './test/closing-line.ts'],
  },
});
