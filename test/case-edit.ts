import type {NodeDump, Section} from '../src/core/node/dump.js';

/** One difference from a healthy base, as case.yaml writes it. */
export interface CaseEdit {
  readonly node: string;
  readonly section: string;
  readonly drop?: string;
  readonly add?: string;
  readonly replace?: readonly [string, string];
  readonly set?: string;
  readonly gone?: boolean;
}

/** Changes one section as an operator's evidence would differ; an edit that changes nothing is a broken case, so it throws. */
export function apply(dumps: readonly NodeDump[], edit: CaseEdit): readonly NodeDump[] {
  if (!dumps.some((d) => d.node === edit.node)) throw new Error(`no node ${edit.node}`);
  return dumps.map((dump) => {
    if (dump.node !== edit.node) return dump;
    const at = dump.sections.findIndex((s) => s.name === edit.section);
    const old = dump.sections[at];
    const changed = change(old, edit);
    return {...dump, sections: at < 0 ? [...dump.sections, changed] : dump.sections.with(at, changed)};
  });
}

function change(old: Section | undefined, edit: CaseEdit): Section {
  if (edit.set !== undefined) return {name: edit.section, command: old?.command ?? `cat ${edit.section}`, rc: 0, out: edit.set};
  if (old === undefined) throw new Error(`${edit.node} has no section ${edit.section}`);
  if (edit.gone)
    return {name: old.name, command: old.command, rc: 1, out: '', err: `${old.command.split(' ')[0]}: No such file or directory`};
  let out = old.out;
  if (edit.drop !== undefined) {
    const pattern = new RegExp(edit.drop);
    out = out
      .split('\n')
      .filter((line) => !pattern.test(line))
      .join('\n');
  }
  if (edit.replace !== undefined) out = out.replaceAll(new RegExp(edit.replace[0], 'gm'), edit.replace[1]);
  if (edit.add !== undefined) out = `${out.replace(/\n$/, '')}\n${edit.add}\n`;
  if (out === old.out) throw new Error(`the edit of ${edit.node} ${edit.section} changes nothing`);
  return {...old, out};
}
