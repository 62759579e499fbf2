import {traceMatrix} from './trace-matrix.js';

traceMatrix({name: 'tvd', directRouting: true, underlay: 'routed', nodes: 4, pods: 1});
