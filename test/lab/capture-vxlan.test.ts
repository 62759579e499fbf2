import {captureMatrix} from './capture-matrix.js';

captureMatrix({name: 'cvx', dualStack: true}, 40);
