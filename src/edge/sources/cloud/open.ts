import {readFile, stat} from 'node:fs/promises';
import {basename} from 'node:path';
import type {Cloud} from '../../../core/cloud/cloud.js';
import {bundleOf, type CloudDocument, type CloudDocuments, documentsIn, readCloud} from '../../../core/cloud/read.js';
import {Failure} from '../../../failure.js';
import {type CloudFlags, cloudFiles as files} from '../../cloud-flags.js';
import {oneLine} from '../../ui/escape.js';

const kinds = ['routes', 'enis', 'groups'] as const;

export interface OpenedCloud {
  readonly cloud: Cloud;
  /** The documents as they were given, for a snapshot to keep. */
  readonly files: {readonly [name: string]: string};
}

/**
 * What the flags name, else what lies beside the nodes of a snapshot; undefined when there is neither. What a person names must be read
 * whole; of what lies in a snapshot it is said why it cannot be.
 * @throws Failure naming the file and the place in it
 */
export async function openCloud(
  flags: CloudFlags,
  kept: {readonly [name: string]: string},
  signal: AbortSignal,
): Promise<OpenedCloud | undefined> {
  const beside = inSnapshot(kept);
  const given: CloudDocuments = {
    ...(await named('--cloud-routes', 'routes', flags['cloud-routes'])),
    ...(await named('--cloud-enis', 'enis', flags['cloud-enis'])),
    ...(await named('--cloud-groups', 'groups', flags['cloud-groups'])),
  };
  const asked = await askedOf(flags, given.groups === undefined, signal);
  const documents: CloudDocuments = {...beside.documents, ...asked.documents, ...given};
  const read = readCloud(documents);
  const wrong = readCloud({...asked.documents, ...given}).problems;
  if (wrong.length > 0) throw new Failure(wrong.map(oneLine).join('\n'), {hints: ['docs/cloud.md has the commands whose output is taken']});
  if (kinds.every((kind) => documents[kind] === undefined) && beside.problems.length === 0) return undefined;
  return {
    cloud: {...read, problems: [...beside.problems, ...asked.problems, ...read.problems]},
    files: Object.fromEntries(
      kinds.flatMap((kind) => (documents[kind] === undefined ? [] : [[files[kind], JSON.stringify(bundleOf(documents[kind]))]])),
    ),
  };
}

async function askedOf({cloud, 'cloud-vpc': vpc}: CloudFlags, groups: boolean, signal: AbortSignal) {
  if (cloud === undefined) return {documents: {}, problems: []};
  const {askCloud} = await import('./ask.js');
  return askCloud(cloud, {vpc, groups}, signal);
}

function inSnapshot(kept: {readonly [name: string]: string}): {readonly documents: CloudDocuments; readonly problems: readonly string[]} {
  const problems: string[] = [];
  const documents = Object.fromEntries(
    kinds.flatMap((kind) => {
      const text = kept[files[kind]];
      if (text === undefined) return [];
      try {
        return [[kind, documentsIn(JSON.parse(text), {from: files[kind]})]];
      } catch (error) {
        problems.push(`${files[kind]}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
        return [];
      }
    }),
  ) as CloudDocuments;
  return {documents, problems};
}

async function named(flag: string, kind: (typeof kinds)[number], paths: readonly string[] = []): Promise<CloudDocuments> {
  if (paths.length === 0) return {};
  const documents = await Promise.all(paths.map((path) => documentsOf(flag, path)));
  return {[kind]: documents.flat()};
}

async function documentsOf(flag: string, path: string): Promise<readonly CloudDocument[]> {
  const [text, takenAt] = await Promise.all([readFile(path, 'utf8'), stat(path).then((s) => s.mtime.toISOString())]).catch(
    (error: unknown) => {
      throw new Failure(`${flag}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    },
  );
  try {
    return documentsIn(JSON.parse(text.replace(/^\ufeff/, '')), {from: basename(path), takenAt});
  } catch (error) {
    throw new Failure(`${flag}: ${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      hints: ['Print it as JSON: tccli … (its default), aliyun … (its default), aws … --output json, gcloud … --format=json'],
    });
  }
}
