import {captureMatrix} from './capture-matrix.js';

captureMatrix({name: 'cvd', directRouting: true, underlay: 'routed', nodes: 4, pods: 1}, 40);
