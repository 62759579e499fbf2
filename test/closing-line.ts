import {writeFileSync} from 'node:fs';
import type {Reporter, TestModule} from 'vitest/node';

/**
 * Ends the run with one plain line that people and machines can read: N passed, N failed, N skipped. Where another suite follows
 * (FLANCTL_TEST_COUNTS names a file), the three numbers go there, for the line that ends both.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let [passed, failed, skipped] = [0, 0, 0];
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) failed += 1;
      for (const test of module.children.allTests()) {
        const {state} = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
    }
    failed += unhandled.length;
    const file = process.env['FLANCTL_TEST_COUNTS'];
    if (file === undefined) process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    else writeFileSync(file, `${passed} ${failed} ${skipped}\n`);
  }
}
