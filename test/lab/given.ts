import {readFile} from 'node:fs/promises';
import {documentsIn, readCloud} from '../../src/core/cloud/read.js';
import type {Given} from '../../src/core/model/cluster.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/** What somebody would give doctor and trace beside the nodes of a lab: its configuration, and what its cloud says now. */
export async function givenOf({netConf, cloud}: Lab): Promise<Pick<Given, 'netConf' | 'cloud'>> {
  const document = async (file: string) => documentsIn(JSON.parse(await readFile(file, 'utf8')), {from: file});
  return {
    ...(Object.keys(netConf).length > 0 && {netConf}),
    ...(cloud && {
      cloud: readCloud({
        routes: await document(cloud.routesFile),
        enis: await document(cloud.enisFile),
        groups: await document(cloud.groupsFile),
      }),
    }),
  };
}
