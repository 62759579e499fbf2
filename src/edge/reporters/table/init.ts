import {oneLine} from '../../ui/escape.js';
import {theme} from '../../ui/theme.js';
import type {InitReport} from '../documents.js';
import type {Render} from '../index.js';

/** Nodes by name, as far as one looks through them. */
const SHOWN = 8;

export const init: Render<InitReport> = ({from, mode, networks, configuration, nodes, files, gaps, next}, {level}) => {
  const paint = theme(level);
  const names = nodes.slice(0, SHOWN).map((n) => oneLine(n.name));
  const more = nodes.length > SHOWN ? ` and ${nodes.length - SHOWN} more` : '';
  const what = [...(mode === null ? [] : [mode]), ...(networks.length === 0 ? [] : [networks.join(' + ')])].join(' · ');
  const lines = [
    `${paint.strong(oneLine(from))}  ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}: ${names.join(', ')}${more}`,
    ...(what === '' ? [] : [`flannel     ${oneLine(what)}${configuration === null ? '' : paint.dim(`  ${oneLine(configuration)}`)}`]),
    ...gaps.map((gap) => `${paint.warning('▲')} ${oneLine(gap.what)}: ${oneLine(gap.why)}`),
    ...files.map((file) => `${paint.good('✔')} written to ${oneLine(file)}`),
    ...next.map((command) => `${paint.dim('→')} ${oneLine(command)}`),
  ];
  return `${lines.join('\n')}\n`;
};
