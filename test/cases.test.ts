import {randomBytes} from 'node:crypto';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import type {Cloud} from '../src/core/cloud/cloud.js';
import {bundleOf} from '../src/core/cloud/read.js';
import type {NodeDump} from '../src/core/node/dump.js';
import type {Finding} from '../src/core/rules/fold.js';
import {rules} from '../src/core/rules/index.js';
import {diagnose} from '../src/edge/diagnose.js';
import {redactSnapshot} from '../src/edge/snapshots/redact.js';
import {openCloud} from '../src/edge/sources/cloud/open.js';
import {type RecordFiles, recordsOfFiles} from '../src/edge/sources/record-files.js';
import {bases, loadBase, onDebian} from './bases/bases.js';
import {apply, type CaseEdit} from './case-edit.js';
import {filesFor, type RecordEdits, recordsFor} from './recorded.js';

const root = join(import.meta.dirname, 'cases');

interface Case {
  readonly base: string;
  readonly edits?: readonly CaseEdit[];
  readonly 'net-conf'?: unknown;
  /** flannel's records of the healthy base, with these differences. */
  readonly records?: RecordEdits;
  /** What the cloud says, in the normal form. */
  readonly cloud?: Cloud;
  /** The same as the cloud's tools print it: documents of routes, and of interfaces. */
  readonly 'cloud-routes'?: readonly unknown[];
  readonly 'cloud-enis'?: readonly unknown[];
  readonly 'cloud-groups'?: readonly unknown[];
  /** Of when those documents are. */
  readonly 'cloud-taken'?: string;
  /** Nodes that were not looked at. */
  readonly without?: readonly string[];
  /** The rule is to be found under another one, not by itself. */
  readonly as?: 'consequence';
}

const brief = (finding: Finding): unknown => ({
  id: finding.id,
  severity: finding.severity,
  subject: finding.subject,
  message: finding.message,
  effect: finding.effect,
  evidence: finding.evidence.map((e) => [`${e.node}$ ${e.command}`, ...e.lines]),
  steps: finding.remedy.steps.map((s) => `${s.node}# ${s.run}`),
  ...(finding.consequences.length > 0 && {consequences: finding.consequences.map(brief)}),
});

const bundled = (documents: readonly unknown[], from: string, takenAt: string | undefined): string =>
  JSON.stringify(bundleOf(documents.map((data) => ({from, ...(takenAt !== undefined && {takenAt}), data}))));

const cloudFilesOf = (spec: Case): RecordFiles => ({
  ...(spec['cloud-routes'] && {'cloud-routes.json': bundled(spec['cloud-routes'], 'routes.json', spec['cloud-taken'])}),
  ...(spec['cloud-enis'] && {'cloud-enis.json': bundled(spec['cloud-enis'], 'enis.json', spec['cloud-taken'])}),
  ...(spec['cloud-groups'] && {'cloud-groups.json': bundled(spec['cloud-groups'], 'groups.json', spec['cloud-taken'])}),
});

const judged = async (
  dumps: readonly NodeDump[],
  files: RecordFiles,
  netConf: unknown,
  normal: Cloud | undefined,
): ReturnType<typeof diagnose> => {
  const records = recordsOfFiles(files, {});
  const cloud = normal ?? (await openCloud({}, files, new AbortController().signal))?.cloud;
  const nodes = async function* () {
    yield* dumps;
  };
  return diagnose({nodes}, {...(netConf !== undefined && {netConf}), ...(records && {records}), ...(cloud && {cloud})}, rules);
};

/** What was found, whatever it is called: redacted evidence has the same. */
const shape = (findings: readonly Finding[]): readonly unknown[] =>
  findings
    .map((f) => JSON.stringify([f.rule, f.severity, f.fixable, f.evidence.length, f.remedy.steps.length, shape(f.consequences)]))
    .toSorted();

/** test/cases/<rule>/<case>/: case.yaml says what differs from a healthy base; findings.json is what doctor then says. `npm test -- -u` writes the latter: read its diff. */
describe('cases', () => {
  for (const rule of readdirSync(root).sort()) {
    for (const name of readdirSync(join(root, rule)).sort()) {
      test(`${rule}/${name}`, async () => {
        const file = join(root, rule, name, 'case.yaml');
        const spec = parse(readFileSync(file, 'utf8')) as Case;
        const healthy = await loadBase(spec.base);
        const dumps = (spec.edits ?? []).reduce(apply, healthy).filter((d) => !spec.without?.includes(d.node));
        const files = {...(spec.records ? filesFor(healthy, spec.records) : {}), ...cloudFilesOf(spec)};
        const netConf = spec['net-conf'];
        const found = await judged(dumps, files, netConf, spec.cloud);
        const list = spec.as === 'consequence' ? found.findings.flatMap((f) => f.consequences) : found.findings;
        expect(list.map((f) => f.rule)).toContain(rule);
        const golden = {findings: found.findings.map(brief), notEvaluated: found.notEvaluated, gaps: found.gaps};
        await expect(`${JSON.stringify(golden, null, 1)}\n`).toMatchFileSnapshot(join(root, rule, name, 'findings.json'));

        // The net-conf of a flag is no part of a snapshot: here it is redacted as one that is.
        const given = {
          ...(netConf !== undefined && {'given.json': JSON.stringify(netConf)}),
          ...(spec.cloud && {'cloud.json': JSON.stringify(spec.cloud)}),
        };
        const redacted = redactSnapshot(dumps, {...files, ...given}, randomBytes(32));
        const {'given.json': conf, 'cloud.json': cloud, ...rest} = redacted.extras;
        const again = await judged(
          redacted.dumps,
          rest,
          conf === undefined ? undefined : JSON.parse(conf),
          cloud === undefined ? undefined : JSON.parse(cloud),
        );
        expect(shape(again.findings)).toEqual(shape(found.findings));
        expect(again.notEvaluated.length).toBe(found.notEvaluated.length);
        expect(again.gaps.length).toBe(found.gaps.length);
      });
    }
  }
});

describe('healthy bases', () => {
  for (const [base, from] of [...bases, ...onDebian].flatMap((b) =>
    [undefined, 'kubernetes' as const, 'etcd' as const].map((f) => [b, f] as const),
  )) {
    test(`${base}${from === undefined ? '' : ` beside its records in ${from}`}: every rule is judged and none finds anything`, async () => {
      const dumps = await loadBase(base);
      expect(dumps.length).toBeGreaterThanOrEqual(3);
      const found = await diagnose(
        {
          async *nodes() {
            yield* dumps;
          },
        },
        from === undefined ? {} : {records: recordsFor(dumps, {from})},
        rules,
      );
      if (from !== undefined) expect(found.cluster).toMatchObject({source: from, configuredBy: 'net-conf', complete: true, problems: []});
      expect(found).toMatchObject({findings: [], notEvaluated: [], gaps: []});
    });
  }
});

test('every rule has a case and every case folder a rule', () => {
  expect(readdirSync(root).sort()).toEqual(rules.map((r) => r.id).sort());
  for (const rule of rules) expect(existsSync(join(root, rule.id))).toBe(true);
});
