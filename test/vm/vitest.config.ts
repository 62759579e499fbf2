import {join} from 'node:path';
import {defineConfig} from 'vitest/config';

const root = join(import.meta.dirname, '../..');

/**
 * What only a kernel with every device can answer. One process, one thread, nothing twice: where the kernel is a virtual machine's, to start
 * a program takes seconds. Therefore also the built lib stands for src: nothing is compiled there but the tests themselves.
 */
export default defineConfig({
  root,
  resolve: {alias: [{find: /^(?:\.\.\/)+src\/(.*)\.js$/, replacement: `${root}/lib/$1.js`}]},
  server: {watch: null},
  test: {
    include: ['test/vm/*.test.ts'],
    // For the long run: what a kernel does, which does not change from day to day; and whole changes, of which each takes minutes.
    ...(process.env['FLANCTL_TEST_LONG'] === undefined && {exclude: ['test/vm/claims.test.ts', 'test/vm/migrate-whole.test.ts']}),
    server: {deps: {external: [/\/lib\//]}},
    pool: 'threads',
    isolate: false,
    fileParallelism: false,
    disableConsoleIntercept: true,
    // What takes seconds on an idle machine takes minutes on one that is shared.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', './test/closing-line.ts'],
  },
});
