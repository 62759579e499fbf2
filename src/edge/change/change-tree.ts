import {oneLine} from '../ui/escape.js';
import {taskList} from '../ui/task-list.js';
import {eventLine} from './event-line.js';
import type {ChangeEvent} from './outcome.js';
import {afterCommit, type ChangeStage} from './stages.js';

/** Where the events of a change are told as they come. */
export interface Teller {
  readonly hear: (event: ChangeEvent) => void;
  /** Resolves when all that was heard is on the screen. */
  readonly end: () => Promise<void>;
}

/** One line of the tree: waits for its events. */
class Line {
  readonly title: string;
  #said = '';
  #began = 0;
  #show: (text: string) => void = () => undefined;
  #end: (result: 'done' | 'skipped' | Error) => void = () => undefined;
  readonly #ended = new Promise<'done' | 'skipped' | Error>((resolve) => {
    this.#end = resolve;
  });
  constructor(title: string) {
    this.title = oneLine(title);
  }

  say(text: string): void {
    this.#began ||= performance.now();
    this.#said = oneLine(text);
    this.#show(this.#said);
  }
  end(result: 'done' | 'skipped' | Error): void {
    this.#end(result);
  }

  readonly task: Parameters<typeof taskList>[0][number] = {
    title: '',
    task: async (_, task) => {
      task.title = this.title;
      this.#show = (text) => {
        task.output = text;
      };
      if (this.#said !== '') task.output = this.#said;
      const result = await this.#ended;
      if (result === 'skipped') return task.skip(this.title);
      if (result instanceof Error) throw result;
      if (this.#began > 0) task.title = `${this.title}  ${((performance.now() - this.#began) / 1000).toFixed(1)} s`;
    },
  };
}

/**
 * A change as a tree on the terminal: the timers, each wave with its nodes and its gate, the commit, what follows it; and when it turns back,
 * what is taken back.
 */
export function changeTree(stages: readonly ChangeStage[], nodes: readonly string[]): Teller {
  const lines = stages.map(({title}) => new Line(title));
  const arm = new Line(`lock ${counted(nodes)}, arm their timers`);
  const commit = new Line('commit: no timer goes back from here');
  const first = stages.findIndex(({phase}) => afterCommit(phase));
  const at = first < 0 ? stages.length : first;
  const all = [arm, ...lines.slice(0, at), commit, ...lines.slice(at)];
  let back: Line | undefined;
  let shown = taskList(all.map((line) => line.task));
  const upTo = (line: Line | undefined): void => {
    for (const earlier of all.slice(0, line ? all.indexOf(line) : all.length)) earlier.end('skipped');
  };

  const stage = (event: Extract<ChangeEvent, {kind: 'stage'}>): void => {
    const line = lines[event.stage]!;
    upTo(line);
    if (event.state === 'failed') line.end(new Error(line.title));
    else if (event.state === 'begun') line.say(`on ${counted(stages[event.stage]!.work.map((w) => w.node))}`);
    else line.say('gate: tables as planned? every pair that answered?');
  };
  const turnBack = (because: string): void => {
    upTo(undefined);
    const line = new Line(`undo: ${because}`);
    back = line;
    shown = shown.then(() => taskList([line.task]));
  };

  const hear = (event: ChangeEvent): void => {
    if (event.kind === 'armed') arm.end('done');
    if (event.kind === 'stage') stage(event);
    if (event.kind === 'gate' && event.state === 'open') lines[event.stage]!.end('done');
    if (event.kind === 'gate' && event.state === 'shut') {
      const line = lines[event.stage]!;
      line.end(new Error(`${line.title}: the gate stays shut: ${oneLine(event.because.join('; '))}`));
    }
    if (event.kind === 'progress') {
      upTo(commit);
      if (event.progress === 'committed') commit.end('done');
      else commit.say('every node has the new routes');
    }
    if (event.kind === 'turning-back') turnBack(event.because.join('; '));
    if (event.kind === 'undo' || event.kind === 'waiting') back?.say(eventLine(event) ?? '');
    if (event.kind === 'ended') {
      upTo(undefined);
      back?.end(event.left.length === 0 ? 'done' : new Error(`${back.title}: not everything could be put back`));
    }
  };
  return {hear, end: () => shown};
}

const counted = (nodes: readonly string[]): string =>
  nodes.length <= 4 ? nodes.join(', ') : `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more nodes`;
