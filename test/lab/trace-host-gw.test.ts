import {traceMatrix} from './trace-matrix.js';

traceMatrix({name: 'thg', backend: 'host-gw', dualStack: true});
