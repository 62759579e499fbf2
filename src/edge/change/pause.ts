/**
 * For tests of what happens when flanctl ends or loses its nodes at a certain moment: FLANCTL_PAUSE_AT=`3:before`, `final:after`, … stops this
 * process there, as SIGSTOP does. Stages by their number, and `arm`, `final`, `committed`, `finish`.
 */
export async function pauseAt(where: number | 'arm' | 'final' | 'committed' | 'finish', when: 'before' | 'after'): Promise<void> {
  if (process.env['FLANCTL_PAUSE_AT'] !== `${where}:${when}`) return;
  process.kill(process.pid, 'SIGSTOP');
  // The signal may arrive a moment after the call.
  await new Promise((resolve) => setTimeout(resolve, 50));
}
