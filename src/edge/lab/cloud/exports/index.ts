import type {Lab} from '../../topology.js';
import type {CloudProvider} from '../cloud.js';
import type {Fabric} from '../fabric.js';
import {alibaba} from './alibaba.js';
import {aws} from './aws.js';
import {tencent, tke} from './tencent.js';

/** What the cloud's own command would print: JSON documents (model/cloud-modes.md §5.2). */
export interface Exports {
  readonly routes: unknown;
  readonly enis: unknown;
}

export type Exporter = (lab: Lab, fabric: Fabric) => Exports;

const exporters: {readonly [provider in CloudProvider]: Exporter} = {tencent, tke, aws, alibaba};

export const exportsOf: Exporter = (lab, fabric) => exporters[lab.cloud!.provider](lab, fabric);
