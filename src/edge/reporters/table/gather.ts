import {columns} from '../../ui/table.js';
import {theme} from '../../ui/theme.js';
import type {GatherReport} from '../documents.js';
import type {Render} from '../index.js';

export const gather: Render<GatherReport> = (report, {level}) => {
  const paint = theme(level);
  const redacted = report.nodes.some((n) => n.as !== null);
  const rows = report.nodes.map((n) => [
    n.node,
    ...(redacted ? [n.as ?? ''] : []),
    n.via,
    String(n.sections),
    `${(n.bytes / 1024).toFixed(1)} KiB`,
    n.failure ?? 'read',
  ]);
  return `${columns(['NODE', ...(redacted ? ['WRITTEN AS'] : []), 'VIA', 'SECTIONS', 'SIZE', 'STATE'], rows, paint.strong)}${report.file === null ? '' : `${paint.good('✔')} written to ${report.file}\n`}`;
};
