import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from './base-command.js';
import {type TableName, tables} from './core/kernel/index.js';
import type {Sourced, Table} from './core/kernel/table.js';
import {tryIp} from './core/net/address.js';
import {contains} from './core/net/prefix.js';
import type {Gap} from './core/node/dump.js';
import {looked} from './core/node/state.js';
import {familiesOf} from './core/rules/examine.js';
import {survey} from './edge/diagnose.js';
import {checkNodes, evidenceFlags, openEvidence} from './edge/evidence.js';
import {ExitCode} from './exit-code.js';
import {Failure} from './failure.js';

export type Cell = string | number | boolean | null;

/** One kernel table of every node, side by side. The subclass says which table and how a row becomes cells. */
export abstract class ShowCommand<Row extends Sourced> extends BaseCommand {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    ...withEnv({
      ...evidenceFlags,
      output: outputFlag(),
      node: Flags.string({summary: 'only this node', helpValue: 'NAME', multiple: true, delimiter: ','}),
      dev: Flags.string({summary: 'only rows of this device', helpValue: 'DEV'}),
      to: Flags.string({summary: 'only rows that concern this address', helpValue: 'ADDRESS'}),
    }),
  };

  protected abstract readonly table: TableName;
  protected abstract readonly columns: readonly string[];
  protected abstract cells(row: Row): {readonly [column: string]: Cell | undefined};
  /** Does the row concern the address? */
  protected concerns(row: Row, address: string): boolean {
    const dst = (row as {dst?: string}).dst;
    return dst !== undefined && (dst.includes('/') ? contains(dst, address) : dst === address);
  }

  async run(): Promise<void> {
    const {flags} = await this.parse(this.ctor as typeof ShowCommand);
    const to = flags.to === undefined ? undefined : tryIp(flags.to);
    if (flags.to !== undefined && to === undefined) throw new Failure(`--to: not an IP address: ${flags.to}`);
    const evidence = await openEvidence(flags, {signal: this.interrupted.signal, quiet: this.quiet, notice: (m) => this.notice(m)});
    const {cluster, states} = await survey(evidence, evidence.given);
    this.interrupted.signal.throwIfAborted();
    checkNodes(
      flags.node,
      cluster.members.map((m) => m.name),
    );
    // One family of a cluster that has only one is all there is to see; tables that do not part them have one answer for both.
    const table = tables[this.table] as unknown as Table<Row>;
    const split = table.supply.some((s) => s.family !== undefined);
    const families = split ? familiesOf({cluster}) : ([4] as const);
    const rows: {readonly [column: string]: Cell}[] = [];
    const gaps: Gap[] = [];
    for await (const state of states()) {
      if (flags.node !== undefined && !flags.node.includes(state.name)) continue;
      for (const family of families) {
        if (looked(state, this.table, family)) continue;
        const sections = table.supply.flatMap((s) => (s.family === undefined || s.family === family ? s.sections : []));
        const why = state.failure?.message ?? state.gaps.find((g) => sections.includes(g.what))?.why ?? 'not in the evidence';
        gaps.push({node: state.name, what: split ? `${this.table} of IPv${family}` : this.table, why});
      }
      for (const row of (state.tables[this.table] ?? []) as unknown as readonly Row[]) {
        if (flags.dev !== undefined && (row as {dev?: string}).dev !== flags.dev) continue;
        if (to !== undefined && !this.concerns(row, to)) continue;
        const cells = this.cells(row);
        rows.push(Object.fromEntries([['node', state.name], ...this.columns.map((c): [string, Cell] => [c, cells[c] ?? null])]));
      }
    }
    await this.emit('ShowReport', {table: this.table, columns: ['node', ...this.columns], rows, gaps}, flags.output);
    process.exitCode = gaps.length > 0 ? ExitCode.incomplete : ExitCode.ok;
  }
}
