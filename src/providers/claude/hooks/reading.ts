/** A hook of Claude Code as the runtime takes it: what it means, and the session that it reveals. */
import type { Hook } from '../../../protocol/hook.ts';
import type { HookReading } from '../../provider.ts';
import { eventFromHook, hookNameOf } from './events.ts';
import { isFromCodex, sessionFromHooks } from './session.ts';

/** Null for a hook that Codex ran: it has the same form, and its session is told of by another way. */
export function readHook(hook: Hook): HookReading | null {
  if (isFromCodex(hook)) return null;
  const name = hookNameOf(hook);
  const isStart = name === 'SessionStart';
  return {
    role: isStart ? 'start' : name === 'SessionEnd' ? 'end' : 'other',
    replaces: isStart && hook.source === 'clear',
    promptId: hook.prompt_id || undefined,
    event: (receipt) => eventFromHook(hook, receipt),
    session: (at, pending, agentPid) => sessionFromHooks(hook, at, pending, agentPid),
  };
}
