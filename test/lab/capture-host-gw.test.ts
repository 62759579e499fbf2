import {captureMatrix} from './capture-matrix.js';

captureMatrix({name: 'chg', backend: 'host-gw', dualStack: true}, 30);
