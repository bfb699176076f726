/** Signals to a process and everything it has started in its group. */

/** Sends a signal to the group that `pid` leads. A group in which nobody is left is what was wanted. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
