/** Commands that a client runs beside a session. */
import { type Handlers, notBuilt } from './handler.ts';

type ShellTag = 'execute_shell' | 'cancel_shell';

/** Handlers of this group. */
export function createShellHandlers(): Handlers<ShellTag> {
  return {
    execute_shell: notBuilt,
    cancel_shell: notBuilt,
  };
}
