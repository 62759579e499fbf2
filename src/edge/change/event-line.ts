import type {ChangeEvent} from './outcome.js';

/** An event of a change as one line, for where there is no terminal; undefined for what needs no line of its own. */
export function eventLine(event: ChangeEvent): string | undefined {
  switch (event.kind) {
    case 'armed':
      return `locked, timers of ${event.ttl} s armed: ${event.nodes.join(', ')}`;
    case 'stage':
      return event.state === 'begun' ? event.title : event.state === 'failed' ? `${event.title}: failed` : undefined;
    case 'node':
      return undefined;
    case 'gate':
      return event.state === 'shut' ? `the gate stays shut: ${event.because.join('; ')}` : undefined;
    case 'progress':
      return event.progress === 'final' ? 'every node has the new routes' : 'committed: no timer goes back from here';
    case 'turning-back':
      return `undoing: ${event.because.join('; ')}`;
    case 'undo':
      return event.state === 'done' ? undefined : `${event.state === 'begun' ? 'undoing' : 'not wholly undone'}: ${event.title}`;
    case 'waiting':
      return `waiting for ${event.nodes.join(', ')}: gone back by its own timer in ${event.seconds} s at the latest`;
    case 'ended':
      return undefined;
  }
}
