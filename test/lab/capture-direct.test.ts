import {captureLabs, captureMatrix} from './capture-matrix.js';

captureMatrix(captureLabs.direct);
