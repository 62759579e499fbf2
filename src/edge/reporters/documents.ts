import type {Gap} from '../../core/model/snapshot.js';
import type {NotEvaluated} from '../../core/rules/examine.js';
import type {Finding} from '../../core/rules/fold.js';

/** The data of each result, as the machine forms carry it. Published as JSON Schemas in docs/schema/; every field is a promise. */
export type Clean<T> = T;

export interface ClusterSummary {
  /** `inventory` or `derived`. */
  readonly source: string;
  /** Where the nodes were read: a file, a lab, an inventory. */
  readonly from: string;
  readonly mode: string | null;
  readonly configuredBy: string;
  readonly settings: {readonly [key: string]: unknown} | null;
  readonly networks: readonly string[];
  readonly problems: readonly string[];
  readonly nodes: readonly NodeSummary[];
}

export interface NodeSummary {
  readonly name: string;
  readonly via: string;
  readonly state: 'read' | 'partly' | 'unreadable';
  readonly mode: string | null;
  readonly subnet: string | null;
  readonly ipv6Subnet: string | null;
  readonly publicIP: string | null;
  readonly publicIPv6: string | null;
  readonly vtepMAC: string | null;
  readonly uplink: string | null;
  /** Bytes. */
  readonly mtu: number | null;
  readonly pods: number | null;
  readonly kernel: string | null;
}

export interface DoctorReport {
  readonly cluster: ClusterSummary;
  readonly findings: readonly Finding[];
  readonly notEvaluated: readonly NotEvaluated[];
  readonly gaps: readonly Gap[];
  readonly summary: {readonly errors: number; readonly warnings: number; readonly infos: number; readonly rules: number; readonly nodes: number};
  readonly exit: number;
}

export interface DiffEntry {
  readonly node: string;
  readonly table: string;
  readonly sign: '-' | '+' | '~';
  /** In iproute2's words; for `~` what there is. */
  readonly row: string;
  /** For `~`: what should be there. */
  readonly want?: string;
  readonly fields?: readonly string[];
  readonly peer?: string;
}

export interface DiffReport {
  readonly cluster: ClusterSummary;
  readonly entries: readonly DiffEntry[];
  readonly gaps: readonly Gap[];
  readonly exit: number;
}

export interface ShowReport {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly {readonly [column: string]: string | number | boolean | null}[];
  readonly gaps: readonly Gap[];
}

export interface ExplainReport {
  readonly topic: string;
  readonly what: 'rule' | 'mode' | 'index';
  readonly title: string;
  /** Markdown. */
  readonly text: string;
}

export interface GatherReport {
  readonly file: string | null;
  readonly nodes: readonly {readonly node: string; readonly via: string; readonly sections: number; readonly bytes: number; readonly failure: string | null}[];
}

export interface LabReport {
  readonly name: string;
  readonly backend: string;
  readonly [detail: string]: unknown;
}

export interface LabListReport {
  readonly labs: readonly {readonly [detail: string]: unknown}[];
}

export interface PingReport {
  readonly ok: boolean;
  readonly pairs: readonly {readonly from: string; readonly to: string; readonly family: number; readonly small: boolean; readonly large: boolean}[];
}
