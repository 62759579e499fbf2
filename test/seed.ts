import fc from 'fast-check';

/**
 * Properties run from one seed, so that a run that fails fails again; `npm run test:long` (or FLANCTL_SEED) walks elsewhere. A counterexample
 * that a long run finds becomes a test of its own.
 */
const stated = process.env['FLANCTL_SEED'];
if (stated !== undefined) fc.configureGlobal({seed: Number(stated)});
else if (!process.env['FLANCTL_TEST_LONG']) fc.configureGlobal({seed: 20_261_120});
