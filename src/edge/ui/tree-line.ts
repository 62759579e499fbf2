import type {ListrTaskWrapper} from 'listr2';
import {oneLine} from './escape.js';
import type {Task} from './task-list.js';

/** How a line ended: a failure with what to say of it beyond its title. */
export type End = 'done' | 'skipped' | {readonly failed: string};

type Drawn = ListrTaskWrapper<unknown, never, never>;

/** One line of a tree, from which others may hang. What happens to it is told by whoever knows; the drawing follows. */
export class TreeLine {
  readonly title: string;
  readonly parts: readonly TreeLine[];
  end: End | undefined;
  #drawn: Drawn | undefined;
  readonly #begun: Promise<void>;
  #begin: () => void = () => undefined;
  readonly #ended: Promise<End>;
  #settle: (end: End) => void = () => undefined;

  constructor(title: string, parts: readonly TreeLine[] = []) {
    this.title = oneLine(title);
    this.parts = parts;
    this.#begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.#ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** With all its parts. */
  begin(): void {
    for (const part of this.parts) part.begin();
    this.#begin();
  }

  /** The first end counts. Parts that are open end with it. */
  finish(end: End): void {
    if (this.end !== undefined) return;
    this.end = end;
    for (const part of this.parts) part.finish(end === 'done' ? 'done' : 'skipped');
    this.#settle(end);
    this.begin();
  }

  /** Under the line, while it is drawn and open. @returns false when it is not */
  say(text: string): boolean {
    if (this.#drawn === undefined || this.end !== undefined) return false;
    this.#drawn.output = oneLine(text);
    return true;
  }

  task(): Task {
    return {
      title: this.title,
      task: async (_, wrapper) => {
        this.#drawn = wrapper as unknown as Drawn;
        await this.#begun;
        if (this.parts.length > 0 && this.end !== 'skipped') {
          // Where one part fails, the line has.
          return wrapper.newListr(
            this.parts.map((part) => part.task()),
            {exitOnError: true},
          );
        }
        const end = await this.#ended;
        if (end === 'skipped') wrapper.skip(this.title);
        else if (end !== 'done') throw new Error(oneLine(end.failed) || this.title);
        return undefined;
      },
    };
  }
}
