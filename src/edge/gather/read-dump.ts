import type {NodeDump, NodeFailure, Section} from '../../core/node/dump.js';

const HEADER = /^#flanctl-dump (\d+) ([0-9A-Za-z_-]{8,64})$/;

/**
 * Reads what script.sh printed. Whatever stands before its first line (a banner, a shell's complaint) is passed over.
 * Only lines that begin with this run's mark mean anything, so no text of the node can end a section or begin another.
 * Never throws: what is cut off or is no dump at all becomes `failure`, with the sections that came before.
 */
export function readDump(text: string, node: string, via: string, takenAt?: string): NodeDump {
  const lines = text.split('\n');
  const about = {node, via, ...(takenAt !== undefined && {takenAt})};
  const start = lines.findIndex((line) => HEADER.test(line.trimEnd()));
  if (start === -1) return {...about, sections: [], failure: noDump(text)};
  // A dump that was pasted through an editor of the other kind has CRLF on every line, its own marks included.
  const header = lines[start]!;
  const [, version, mark] = HEADER.exec(header.trimEnd())!;
  if (version !== '1') {
    const message = `the dump has format ${version}, this flanctl reads format 1`;
    return {...about, sections: [], failure: {kind: 'exec', message, hint: 'Read it with the flanctl that printed the script.'}};
  }
  const body = lines.slice(start + 1).map((line) => (header.endsWith('\r') && line.endsWith('\r') ? line.slice(0, -1) : line));
  const {sections, ended} = readSections(body, mark!);
  return {...about, sections: tellApart(sections), ...(!ended && {failure: cutOff(sections)})};
}

interface Open {
  readonly name: string;
  readonly command: string;
  readonly out: string[];
  readonly err: string[];
}

function readSections(lines: readonly string[], mark: string): {sections: Section[]; ended: boolean} {
  const sections: Section[] = [];
  let open: Open | undefined;
  const close = (rc: number): void => {
    if (!open) return;
    // The script prints a newline of its own after the output. Cut off, it is the last line that may be incomplete.
    const out = open.out.join('\n');
    const err = open.err.join('\n');
    sections.push({name: open.name, command: open.command, rc, out, ...(err !== '' && {err})});
    open = undefined;
  };
  for (const [index, line] of lines.entries()) {
    const kind = line.startsWith(mark) ? line.slice(mark.length, mark.length + 2) : '';
    const rest = line.slice(mark.length + 2);
    if (kind === '. ' && rest === 'end' && !open) return {sections, ended: true};
    if (kind === '@ ') {
      close(-1);
      const space = rest.indexOf(' ');
      open =
        space === -1
          ? {name: rest, command: rest, out: [], err: []}
          : {name: rest.slice(0, space), command: rest.slice(space + 1), out: [], err: []};
    } else if (kind === '! ' && open) open.err.push(rest);
    else if (kind === '= ' && open && rest.startsWith(`${open.name} `)) {
      const rc = /^\d+$/.exec(rest.slice(open.name.length + 1));
      // Without its line end, an exit code may have lost digits.
      close(rc && index < lines.length - 1 ? Number(rc[0]) : -1);
    } else open?.out.push(line);
  }
  close(-1);
  return {sections, ended: false};
}

/**
 * Section names are keys for whoever reads on. Two pods of one name (nothing on a node forbids it) become `x` and `x~2`; of any other
 * section that stands there twice, the first that worked is the one.
 */
function tellApart(sections: readonly Section[]): readonly Section[] {
  const byName = new Map<string, Section>();
  const alias = new Map<string, number>();
  for (const section of sections) {
    const [, pod, table] = /^pods\/([^/]+)\/(.+)$/.exec(section.name) ?? [];
    if (pod === undefined) {
      const earlier = byName.get(section.name);
      if (!earlier || (earlier.rc !== 0 && section.rc === 0)) byName.set(section.name, section);
      continue;
    }
    const named = (n: number): string => `pods/${n === 1 ? pod : `${pod}~${n}`}/${table}`;
    let n = alias.get(pod) ?? 1;
    if (byName.has(named(n))) alias.set(pod, ++n);
    byName.set(named(n), {...section, name: named(n)});
  }
  return [...byName.values()];
}

function cutOff(sections: readonly Section[]): NodeFailure {
  const last = sections.at(-1);
  const where = last ? `${last.rc === -1 ? 'in' : 'after'} ${last.name}` : 'before the first section';
  return {kind: 'truncated', message: `the output was cut off ${where}`, hint: 'Take it again; what came before the cut is used.'};
}

function noDump(text: string): NodeFailure {
  const said = text.trim().split('\n').at(-1)?.trim().slice(0, 200);
  return {
    kind: 'exec',
    message: said ? `printed no dump, but ${JSON.stringify(said)}` : 'printed no dump',
    hint: 'The node needs a POSIX sh that reads a script from its stdin; a forced command or a login menu prevents that.',
  };
}

/**
 * The dumps in a text that may hold several, one after the other (`for node in …; do ssh …; done > all.dump`). A dump begins only where
 * the one before has ended: a line like a header inside a section is the section's.
 */
export function splitDumps(text: string): readonly string[] {
  const dumps: string[] = [];
  const lines = text.split('\n');
  let begin = 0;
  let mark: string | undefined;
  for (const [index, line] of lines.entries()) {
    mark ??= HEADER.exec(line.trimEnd())?.[2];
    if (mark === undefined || line.trimEnd() !== `${mark}. end`) continue;
    dumps.push(lines.slice(begin, index + 1).join('\n'));
    begin = index + 1;
    mark = undefined;
  }
  if (mark !== undefined || dumps.length === 0) dumps.push(lines.slice(begin).join('\n'));
  return dumps;
}
