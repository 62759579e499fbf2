import type * as z from 'zod';
import type {schemas} from './schema.js';

/** The data of each result, as the machine forms carry it: inferred from the published schemas. Every field is a promise. */
type Document<K extends keyof typeof schemas> = z.infer<(typeof schemas)[K]>;

export type DoctorReport = Document<'DoctorReport'>;
export type DiffReport = Document<'DiffReport'>;
export type ShowReport = Document<'ShowReport'>;
export type ExplainReport = Document<'ExplainReport'>;
export type GatherReport = Document<'GatherReport'>;
export type InitReport = Document<'InitReport'>;
export type LabReport = Document<'LabReport'>;
export type LabFaultReport = Document<'LabFaultReport'>;
export type LabListReport = Document<'LabListReport'>;
export type TraceReport = Document<'TraceReport'>;
export type AllPairsReport = Document<'AllPairsReport'>;
export type HistoryReport = Document<'HistoryReport'>;
export type ChangeReport = Document<'ChangeReport'>;
export type ChangePlan = Document<'ChangePlan'>;
export type PingReport = Document<'PingReport'>;

export type ClusterSummary = DoctorReport['cluster'];
export type NodeSummary = ClusterSummary['nodes'][number];
export type DiffEntry = DiffReport['entries'][number];
export type FindingDocument = DoctorReport['findings'][number];
