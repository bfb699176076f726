/** Sessions as wholes: created, resumed, forked, ended, renamed, configured. */
import { type Handlers, notBuilt } from './handler.ts';

type LifecycleTag =
  | 'create_session'
  | 'resume_session'
  | 'fork_session'
  | 'end_session'
  | 'update_session_config';

/** Handlers of this group. */
export function createLifecycleHandlers(): Handlers<LifecycleTag> {
  return {
    create_session: notBuilt,
    resume_session: notBuilt,
    fork_session: notBuilt,
    end_session: notBuilt,
    update_session_config: notBuilt,
  };
}
