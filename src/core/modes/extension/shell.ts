/**
 * The part of a shell that the commands of flannel's `extension` backend are commonly written in: variables, `export`, `read`, `;` and
 * `&&`, and the one substitution of flannel's own examples, `$(echo $SUBNET | cut -d'/' -f 1)`. What is more than that is not guessed.
 */
export interface Understood {
  /** Simple commands with their variables put in, in order. */
  readonly commands: readonly (readonly string[])[];
  /** Nothing was left out. */
  readonly whole: boolean;
}

/** Commands that change nothing in the kernel's tables. */
const harmless = new Set(['echo', 'true', ':', 'cat', 'sleep', 'set', 'exit']);

/**
 * @param text the command as net-conf.json has it
 * @param given the variables that flanneld sets
 * @param stdin what `read` gets: the lease data, where it is known
 */
export function understand(text: string, given: {readonly [name: string]: string | undefined}, stdin?: string): Understood {
  const values = new Map(Object.entries(given));
  const commands: string[][] = [];
  let whole = true;
  for (const part of statements(text)) {
    const words = part.replace(/\s+\d?>(?:&\d|>?\s*\S+)/g, '').trim();
    if (words === '') continue;
    const assignment = /^(?:export\s+)?([A-Za-z_]\w*)=(.*)$/s.exec(words);
    if (assignment) {
      values.set(assignment[1]!, assigned(assignment[2]!, values));
      continue;
    }
    const read = /^read\s+(?:-r\s+)?([A-Za-z_]\w*)$/.exec(words);
    if (read) {
      values.set(read[1]!, stdin);
      continue;
    }
    const command = expanded(words, values);
    const name = words.split(/\s+/)[0]!;
    if (harmless.has(name) && !/[|`]|\$\(/.test(words)) continue;
    if (command === undefined) whole = false;
    else commands.push(command);
  }
  return {commands, whole};
}

/** Cut at `;`, `&&`, `||` and line ends outside of quotes and substitutions; what follows `||` runs only when something failed. */
function statements(text: string): readonly string[] {
  const found: string[] = [];
  let [at, depth, quote, skip] = ['', 0, '', false];
  const end = (next: boolean): void => {
    if (!skip) found.push(at);
    [at, skip] = ['', next];
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quote === '' && (c === '"' || c === "'" || c === '`')) quote = c;
    else if (c === quote) quote = '';
    else if (quote === '' && c === '(') depth++;
    else if (quote === '' && c === ')') depth--;
    const free = quote === '' && depth === 0;
    if (free && (c === ';' || c === '\n')) end(false);
    else if (free && (c === '&' || c === '|') && text[i + 1] === c) {
      end(c === '|');
      i++;
    } else at += c;
  }
  end(false);
  return found;
}

const firstPart = /^["']?(?:\$\(|`)\s*echo\s+["']?\$\{?(\w+)\}?["']?\s*\|\s*cut\s+-d\s*['"]?\/['"]?\s+-f\s*1\s*(?:\)|`)["']?$/;

function assigned(text: string, values: ReadonlyMap<string, string | undefined>): string | undefined {
  const cut = firstPart.exec(text.trim());
  if (cut) return values.get(cut[1]!)?.split('/')[0];
  const words = expanded(text.trim(), values);
  return words?.length === 1 ? words[0] : undefined;
}

/** The words with variables put in; undefined when something in them is beyond this reading or a variable has no known value. */
function expanded(text: string, values: ReadonlyMap<string, string | undefined>): string[] | undefined {
  if (/[`|<>*?(){}[\]&]|\$\(/.test(text.replaceAll(/\$\{\w+\}/g, ''))) return undefined;
  let known = true;
  const put = text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced: string | undefined, plain: string | undefined) => {
    const value = values.get(braced ?? plain ?? '');
    if (value === undefined) known = false;
    return value ?? '';
  });
  if (!known) return undefined;
  return put
    .split(/\s+/)
    .map((word) => word.replaceAll(/["']/g, ''))
    .filter((word) => word !== '');
}
