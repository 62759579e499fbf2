import {describe} from 'vitest';
import {applyFaults, applyLabs} from './apply-faults.js';
import {labsWork} from './in-lab.js';

describe.runIf(labsWork)('apply on the faults of host-gw, both families', () => applyFaults(applyLabs.hostGw));
