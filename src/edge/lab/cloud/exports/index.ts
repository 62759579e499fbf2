import type {CloudProvider} from '../cloud.js';
import {alibaba} from './alibaba.js';
import {aws} from './aws.js';
import type {Exporter} from './exporter.js';
import {tencent, tke} from './tencent.js';

const exporters: {readonly [provider in CloudProvider]: Exporter} = {tencent, tke, aws, alibaba};

export const exportsOf: Exporter = (lab, fabric) => exporters[lab.cloud!.provider](lab, fabric);
