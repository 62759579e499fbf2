import {taskList} from '../ui/task-list.js';
import {TreeLine} from '../ui/tree-line.js';
import {eventLine} from './event-line.js';
import type {ChangeEvent} from './outcome.js';
import {afterCommit, type ChangeStage} from './stages.js';
import {type Teller, turning} from './tell.js';

/** Nodes of a stage that get a line each; more are counted. */
const NODES = 8;
/** Lines that must fit on the screen beside the stages, or the tree could not be drawn in place. */
const AROUND = 8 + NODES;

interface StageLine {
  readonly line: TreeLine;
  readonly nodes: ReadonlyMap<string, TreeLine>;
  readonly gate: TreeLine;
  readonly late: boolean;
}

function stageLine({phase, title, work}: ChangeStage): StageLine {
  const gate = new TreeLine('gate: the tables, and every pair that answered before');
  const named = work.length <= NODES ? work.map(({node}) => [node, new TreeLine(node)] as const) : [];
  const nodes = named.length > 0 ? named.map(([, line]) => line) : [new TreeLine(`${work.length} nodes`)];
  return {line: new TreeLine(title, [...nodes, gate]), nodes: new Map(named), gate, late: afterCommit(phase)};
}

/** A change as a tree on a terminal: what is looked at before, the stages, each with its nodes and its gate, the commit; then what is taken back. */
export class ChangeTree implements Teller {
  readonly #ttl: number;
  readonly #notice: (message: string) => void;
  /** One drawing after the other: two at a time would paint over each other. */
  #drawing: Promise<void> = Promise.resolve();
  /** Lines that are or will be drawn and have not ended. */
  #open: TreeLine[] = [];
  #stages: readonly StageLine[] = [];
  readonly #arm = new TreeLine('lock and dead-man timer on every node');
  readonly #commit = new TreeLine('commit: from here on no timer goes back');
  /** Too long for the screen: a stage is drawn when it begins. */
  #oneByOne = false;
  readonly #undone = new Map<number, TreeLine>();

  constructor({ttl, notice}: {readonly ttl: number; readonly notice: (message: string) => void}) {
    this.#ttl = ttl;
    this.#notice = notice;
  }

  readonly step = (what: string): void => {
    this.#end('done');
    const line = new TreeLine(what);
    line.begin();
    this.#draw([line]);
  };

  stages(list: readonly ChangeStage[]): void {
    this.#end('done');
    this.#stages = list.map(stageLine);
    const early = this.#stages.filter((s) => !s.late).map((s) => s.line);
    const late = this.#stages.filter((s) => s.late).map((s) => s.line);
    const all = [this.#arm, ...early, this.#commit, ...late];
    this.#arm.begin();
    this.#oneByOne = all.length + AROUND > (process.stderr.rows ?? 24);
    this.#draw(this.#oneByOne ? [this.#arm] : all);
  }

  hear(event: ChangeEvent): void {
    switch (event.kind) {
      case 'armed':
        this.#arm.finish('done');
        break;
      case 'stage':
        this.#hearStage(event);
        break;
      case 'node':
        this.#stages[event.stage]?.nodes.get(event.node)?.finish(event.state === 'done' ? 'done' : {failed: ''});
        break;
      case 'gate':
        if (event.state !== 'begun') this.#hearGate(event.stage, event.state === 'open', event.because);
        break;
      case 'progress':
        if (event.progress === 'committed') this.#commit.finish('done');
        else this.#begin(this.#commit);
        break;
      case 'undo':
        this.#hearUndo(event);
        break;
      case 'turning-back':
      case 'waiting':
        this.#end('skipped');
        this.#say(eventLine(event) ?? '');
        break;
      case 'ended':
        this.#end('skipped');
    }
  }

  readonly interrupted = (): void => {
    const text = turning(this.#ttl);
    if (!this.#open.some((line) => line.say(text))) this.#say(text);
  };

  readonly end = async (): Promise<void> => {
    this.#end('done');
    await this.#drawing;
  };

  #hearStage({stage, state}: Extract<ChangeEvent, {kind: 'stage'}>): void {
    const known = this.#stages[stage];
    if (known === undefined) return;
    if (state === 'begun') {
      // Of a change that is resumed, what was done before has no events.
      for (const {line} of this.#stages.slice(0, stage)) line.finish('done');
      if (known.late) this.#commit.finish('done');
      this.#begin(known.line);
      return;
    }
    if (state === 'failed') {
      // A node that failed has said so; of the others nothing was heard.
      for (const node of known.nodes.values()) node.finish({failed: `${node.title}: no answer`});
      known.line.parts[0]?.finish({failed: ''});
      known.line.finish({failed: ''});
    } else for (const part of known.line.parts) if (part !== known.gate) part.finish('done');
  }

  #hearGate(stage: number, open: boolean, because: readonly string[]): void {
    const known = this.#stages[stage];
    known?.gate.finish(open ? 'done' : {failed: because[0] ?? ''});
    known?.line.finish(open ? 'done' : {failed: ''});
  }

  #hearUndo({stage, title, state}: Extract<ChangeEvent, {kind: 'undo'}>): void {
    if (state !== 'begun') {
      this.#undone.get(stage)?.finish(state === 'done' ? 'done' : {failed: 'not wholly undone'});
      return;
    }
    const line = new TreeLine(`undo: ${title}`);
    this.#undone.set(stage, line);
    line.begin();
    this.#draw([line]);
  }

  #begin(line: TreeLine): void {
    line.begin();
    if (this.#oneByOne) this.#draw([line]);
  }

  /** Ends what is still open. */
  #end(end: 'done' | 'skipped'): void {
    for (const line of this.#open) line.finish(end);
    this.#open = [];
  }

  #say(text: string): void {
    this.#drawing = this.#drawing.then(() => this.#notice(text));
  }

  #draw(lines: readonly TreeLine[]): void {
    this.#open.push(...lines);
    this.#drawing = this.#drawing.then(() => taskList(lines.map((line) => line.task())));
  }
}
