import {describe} from 'vitest';
import {labsWork} from './in-lab.js';
import {matrix} from './matrix.js';
import {udp} from './matrix-labs.js';
import {own} from './own-faults.js';

/** The one backend of flannel's with a tunnel of its own that every kernel can have: the others are in test/vm. */
describe.skipIf(!labsWork)('faults of a udp cluster', () => matrix(udp, own(udp), {cli: false}));
