import {oneLine} from '../../ui/escape.js';
import {theme} from '../../ui/theme.js';
import type {LabFaultReport} from '../documents.js';
import type {Render} from '../index.js';

export const labFault: Render<LabFaultReport> = (report, {level}) => {
  const paint = theme(level);
  return [
    `${paint.good('✔')} lab ${paint.strong(report.lab)}: ${oneLine(report.did)}`,
    ...report.next.map((command) => paint.dim(`  → ${command}`)),
    '',
  ].join('\n');
};
