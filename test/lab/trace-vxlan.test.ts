import {traceMatrix} from './trace-matrix.js';

traceMatrix({name: 'tvx', dualStack: true});
