import {readFile} from 'node:fs/promises';
import {modeOf, modes} from '../core/modes/index.js';
import type {Mode} from '../core/modes/mode.js';
import {rules} from '../core/rules/index.js';
import {stages} from '../core/rules/rule.js';
import {drawn} from './explain-drawing.js';
import type {ExplainReport} from './reporters/documents.js';

export type Explained =
  | {readonly kind: 'found'; readonly report: ExplainReport}
  | {readonly kind: 'unknown'; readonly near: readonly string[]};

/** Everything that can be explained, offline. */
export function explainIndex(): ExplainReport {
  const text = [
    '# Modes',
    '',
    ...modes.map((m) => `- \`${m.type}\`: ${m.title}`),
    '',
    '# Rules',
    '',
    ...stages.flatMap((stage) => rules.filter((r) => r.stage === stage).map((r) => `- \`${r.id}\` (${r.severity}): ${r.holds}`)),
  ].join('\n');
  return {topic: 'index', what: 'index', title: 'What flanctl can explain', text};
}

/** The page of a rule (docs/rules) or of a mode, from the installation itself: works with every network down. */
export async function explainTopic(topic: string): Promise<Explained> {
  const rule = rules.find((r) => r.id === topic);
  if (rule)
    return {
      kind: 'found',
      report: {
        topic,
        what: 'rule',
        title: rule.holds,
        text: await readFile(new URL(`../../docs/rules/${rule.id}.md`, import.meta.url), 'utf8'),
      },
    };
  const mode = modeOf(topic);
  if (mode) return {kind: 'found', report: {topic, what: 'mode', title: mode.title, text: modePage(mode)}};
  const names = [...rules.map((r) => r.id), ...modes.map((m) => m.type)];
  const words = topic.split('-');
  // Whoever begins a name means what begins so, and not what has it in its middle.
  const begun = names.filter((name) => name.startsWith(topic));
  const near = begun.length > 0 ? begun : names.filter((name) => name.includes(topic) || words.every((w) => name.includes(w)));
  return {kind: 'unknown', near: near.slice(0, 4)};
}

function modePage({title, explain}: Mode): string {
  return [
    `# ${title}`,
    '',
    explain.summary,
    '',
    '## The way of a packet',
    '',
    ...(explain.drawing ? ['```', ...drawn(explain.drawing), '```', ''] : []),
    ...explain.path.map((hop, i) => `${i + 1}. ${hop}`),
    '',
    `**Overhead:** ${explain.overhead}`,
    '',
    ...explain.facts.map((fact) => `- ${fact}`),
  ].join('\n');
}
