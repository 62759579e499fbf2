import type {ListrTask} from 'listr2';

export type Task = ListrTask<unknown>;

/** A list of tasks on the terminal that stderr is, one after the other; a task that fails does not end the list. Resolves when all have ended. */
export async function taskList(tasks: readonly Task[]): Promise<void> {
  const {DefaultRenderer, Listr, ListrLogger, PRESET_TIMER, ProcessOutput} = await import('listr2');
  // listr2 would fall back to plain lines when stdout is a file; ours is stderr, and whether that is a terminal is the caller's question.
  // (`forceTTY` would do too, but it declares stdout a terminal, and then the file gets colours.)
  class OnStderr extends DefaultRenderer {
    static override nonTTY = true;
  }
  // Results own stdout; listr2 would write there.
  const logger = new ListrLogger({useIcons: true, processOutput: new ProcessOutput(process.stderr, process.stderr)});
  const options = {
    renderer: OnStderr,
    // How long it took, where anybody could have noticed. Milliseconds.
    rendererOptions: {logger, collapseErrors: false, timer: {...PRESET_TIMER, condition: (took?: number) => (took ?? 0) >= 100}},
    registerSignalListeners: false,
    exitOnError: false,
  };
  await new Listr([...tasks], options).run();
}
