import {Failure} from '../../failure.js';
import {printableJson} from '../ui/escape.js';
import type * as documents from './documents.js';

/** What a reporter may know of where its text goes. Colour level 0 means none. */
export interface Paper {
  readonly level: 0 | 1 | 2 | 3;
  /** Columns. */
  readonly width: number;
}

export type Render<T> = (result: T, paper: Paper) => string;

/** Every kind of result and its data. The machine forms carry it as it is; only the table form is written per kind. */
export interface Results {
  readonly DoctorReport: documents.DoctorReport;
  readonly DiffReport: documents.DiffReport;
  readonly ShowReport: documents.ShowReport;
  readonly ExplainReport: documents.ExplainReport;
  readonly GatherReport: documents.GatherReport;
  readonly InitReport: documents.InitReport;
  readonly LabReport: documents.LabReport;
  readonly LabFaultReport: documents.LabFaultReport;
  readonly LabListReport: documents.LabListReport;
  readonly HistoryReport: documents.HistoryReport;
  readonly ChangeReport: documents.ChangeReport;
  readonly ChangePlan: documents.ChangePlan;
  readonly PingReport: documents.PingReport;
  readonly TraceReport: documents.TraceReport;
  readonly AllPairsReport: documents.AllPairsReport;
}
export type Kind = keyof Results;

/** A new result is a schema in schema.ts, one file in table/ and one line here; each loads only when it is printed. */
const tables: {readonly [K in Kind]: () => Promise<Render<Results[K]>>} = {
  DoctorReport: async () => (await import('./table/doctor.js')).doctor,
  DiffReport: async () => (await import('./table/diff.js')).diff,
  ShowReport: async () => (await import('./table/show.js')).show,
  ExplainReport: async () => (await import('./table/explain.js')).explain,
  GatherReport: async () => (await import('./table/gather.js')).gather,
  InitReport: async () => (await import('./table/init.js')).init,
  LabReport: async () => (await import('./table/lab.js')).lab,
  LabFaultReport: async () => (await import('./table/lab-fault.js')).labFault,
  LabListReport: async () => (await import('./table/lab.js')).labList,
  TraceReport: async () => (await import('./table/trace.js')).trace,
  AllPairsReport: async () => (await import('./table/all-pairs.js')).allPairs,
  HistoryReport: async () => (await import('./table/history.js')).history,
  ChangeReport: async () => (await import('./table/change.js')).change,
  ChangePlan: async () => (await import('./table/plan.js')).plan,
  PingReport: async () => (await import('./table/ping.js')).ping,
};

/** Forms of one kind only: drawings. Its command offers them with `outputFlag([…])`. */
const drawn: {readonly [K in Kind]?: {readonly [format: string]: () => Promise<Render<Results[K]>>}} = {
  TraceReport: {
    mermaid: async () => (await import('./mermaid/trace.js')).trace,
    svg: async () => (await import('./svg/trace.js')).trace,
  },
  ChangeReport: {html: async () => (await import('./html/change.js')).change},
};

const apiVersion = 'flanctl.dev/v1alpha1';

/** Forms that work for every kind. */
const machine: {readonly [format: string]: (document: unknown) => Promise<string>} = {
  json: async (document) => `${printableJson(JSON.stringify(document, null, 2))}\n`,
  yaml: async (document) => (await import('yaml')).stringify(document, {aliasDuplicateObjects: false, lineWidth: 0}),
};

/**
 * The result as text in the form asked for.
 * @throws Failure when this kind has no such form.
 */
export async function print<K extends Kind>(kind: K, result: Results[K], format: string, paper: Paper): Promise<string> {
  const write = machine[format];
  if (write) return write({apiVersion, kind, ...result});
  const load = format === 'table' ? tables[kind] : drawn[kind]?.[format];
  if (!load) throw new Failure(`${kind} has no ${format} form`, {hints: ['-o table, json or yaml']});
  const render = await load();
  return render(result, paper);
}

/** What a machine form says when there is no result. */
export async function errorDocument(format: string, error: {message: string; hints: readonly string[]; exit: number}): Promise<string> {
  return (machine[format] ?? machine['json']!)({apiVersion, kind: 'Error', error});
}
