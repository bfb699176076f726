/** Claude's hooks over a socket: the same way in as `POST /api/hook`. */
import type { Hook } from '../../protocol/hook.ts';
import type { HookMeta } from '../hall.ts';
import type { Asker, Handlers } from './handler.ts';

type HookTag =
  | 'claude_session_start'
  | 'claude_session_end'
  | 'claude_status_event'
  | 'claude_tool_event'
  | 'claude_subagent_event';

/** Handlers of this group. */
export function createHookHandlers(
  takeHook: (hook: Hook, meta: HookMeta) => Promise<void>,
): Handlers<HookTag> {
  const take = (message: Hook & { type: HookTag }, { sender: caller }: Asker) =>
    takeHook(message, { origin: 'client', type: message.type, caller });
  return {
    claude_session_start: take,
    claude_session_end: take,
    claude_status_event: take,
    claude_tool_event: take,
    claude_subagent_event: take,
  };
}
