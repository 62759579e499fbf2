/** Lets at most `limit` through at a time, in the order they came. `enter` resolves with the function that lets the next one in. */
export interface Gate {
  enter(signal: AbortSignal): Promise<() => void>;
}

export function gate(limit: number): Gate {
  let free = limit;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  /** Leaving twice must not let two in. */
  const ticket = (): (() => void) => {
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
  return {
    enter: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (free > 0) {
          free -= 1;
          return resolve(ticket());
        }
        const go = (): void => {
          signal.removeEventListener('abort', stop);
          resolve(ticket());
        };
        const stop = (): void => {
          waiting.splice(waiting.indexOf(go), 1);
          reject(signal.reason);
        };
        waiting.push(go);
        signal.addEventListener('abort', stop, {once: true});
      }),
  };
}
