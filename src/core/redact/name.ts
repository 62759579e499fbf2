/** What a name is of; the replacement says so, and no more. */
export type NameKind = 'node' | 'pod' | 'namespace' | 'service' | 'context' | 'comment' | 'taint' | 'registry' | 'cloud';

/** Everybody has these, and what flannel's own parts are called is what rules find them by. */
const everybodys = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease', 'kube-flannel', 'kubernetes', 'localhost', 'none']);

/**
 * Names, replaced by their kind and a number. Those learnt before the first is asked for are numbered in the order of the alphabet, so
 * that what is sorted by name stays sorted.
 */
export class NameMap {
  readonly #learnt = new Map<string, NameKind>();
  readonly #given = new Map<string, string>();
  readonly #counts = new Map<NameKind, number>();
  #pattern: RegExp | undefined;

  learn(kind: NameKind, name: string): void {
    if (name !== '' && !everybodys.has(name) && !this.#learnt.has(name)) this.#learnt.set(name, kind);
  }

  /** The replacement of a name, whatever kind it was learnt as first. */
  of(kind: NameKind, name: string): string {
    if (name === '' || everybodys.has(name)) return name;
    this.#number();
    let given = this.#given.get(name);
    if (given === undefined) {
      given = this.#next(kind, 1);
      this.#given.set(name, given);
    }
    return given;
  }

  /** A text of any kind, with each learnt name in it replaced where it stands as a word of its own. */
  inText(text: string): string {
    this.#number();
    this.#pattern ??= wordsOf([...this.#learnt.keys()]);
    return text.replace(this.#pattern, (name) => this.#given.get(name) ?? name);
  }

  #number(): void {
    if (this.#counts.size > 0 || this.#learnt.size === 0) return;
    const width = String(this.#learnt.size).length;
    const sorted = [...this.#learnt].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, kind] of sorted) this.#given.set(name, this.#next(kind, width));
  }

  #next(kind: NameKind, width: number): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}-${String(count).padStart(width, '0')}`;
  }
}

/** Candidates are words; which of them are names, the map knows: an alternation of thousands of names would be slow. */
const wordsOf = (names: readonly string[]): RegExp =>
  names.some((name) => /[^A-Za-z0-9._-]/.test(name)) ? /[^\s"',;()[\]{}/:=]+/g : /[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/g;
