import {defineConfig} from 'vitest/config';

/** Minutes of real packets for a command that is still being built: they run with `npm run test:long`. */
const long = ['test/lab/trace-*.test.ts'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: process.env['FLANCTL_TEST_LONG'] ? [] : long,
    setupFiles: ['test/seed.ts'],
    // oclif commands write to process.stdout themselves; an intercepted console would hide what users see.
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default', './test/closing-line.ts'],
  },
});
