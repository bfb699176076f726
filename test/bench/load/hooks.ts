/** Hook bodies of about 500 bytes as Claude Code posts them: whole turns, session by session. */
import type { Mix } from './commands.ts';

/** One hook, ready to be posted. */
export interface MadeHook {
  body: string;
  /** As hook.sh makes it: nanoseconds, its pid, the CLI's pid. */
  key: string;
  /** Id of the tool use whose message this hook appends; null for other hooks. */
  mark: string | null;
}

/** Tool uses of a turn. */
const TOOLS = 9;
const TURN_HOOKS = 2 * TOOLS + 2;

const OUTPUT = 'src/runtime/ledger.ts: 185 lines, 7 exports, last changed by a commit of today.';

let made = 0;
let lastKeyNs = 0n;

/** An endless row of hooks that goes round these sessions. */
export function createHooks(sessions: readonly string[], mix: Mix): () => MadeHook {
  const lives = sessions.map((id) => ({ id, step: mix === 'turns' ? 0 : 1, toolUse: '' }));
  let turn = 0;
  return () => {
    const live = lives[turn++ % lives.length];
    if (!live) throw new Error('There is no session to send hooks about');
    made++;
    const step = live.step;
    live.step = (step + 1) % TURN_HOOKS;
    // Tool uses alone: neither the first nor the last step of a turn.
    if (mix === 'tools' && live.step === TURN_HOOKS - 1) live.step = 1;
    if (step % 2 === 1) live.toolUse = `toolu_${process.pid}_${made}`;
    const hook = hookOf(step, live.toolUse);
    const isFirst = hook.hook_event_name === 'PreToolUse';
    const body = JSON.stringify({ ...common(live.id), ...hook });
    return { body, key: nextKey(), mark: isFirst ? live.toolUse : null };
  };
}

/** The last hook of a session. */
export function endOf(session: string): MadeHook {
  const hook = { ...common(session), hook_event_name: 'SessionEnd', reason: 'exit' };
  return { body: JSON.stringify(hook), key: nextKey(), mark: null };
}

function common(sessionId: string) {
  return {
    session_id: sessionId,
    transcript_path: `/home/dev/.claude/projects/-home-dev-orbit/${sessionId}.jsonl`,
    cwd: process.cwd(),
    permission_mode: 'default',
  };
}

function hookOf(step: number, toolUse: string): Record<string, unknown> {
  if (step === 0) {
    const prompt = `Look at the ledger once more and say what it does (${made}). ${'Be brief. '.repeat(18)}`;
    return { hook_event_name: 'UserPromptSubmit', prompt_id: `prompt-${made}`, prompt };
  }
  if (step === TURN_HOOKS - 1) {
    const reply = `It takes one event, one commit, and only then publishes. ${'So it goes. '.repeat(14)}`;
    return { hook_event_name: 'Stop', stop_hook_active: false, last_assistant_message: reply };
  }
  const tool = {
    tool_name: 'Bash',
    tool_use_id: toolUse,
    tool_input: { command: 'wc -l src/runtime/ledger.ts && git log -1', description: 'Look at it' },
  };
  if (step % 2 === 1) return { hook_event_name: 'PreToolUse', ...tool, note: OUTPUT };
  const tool_response = { stdout: OUTPUT, stderr: '', interrupted: false, isImage: false };
  return { hook_event_name: 'PostToolUse', ...tool, tool_response, duration_ms: 12 };
}

/** Keys carry the time: later ones are later. */
function nextKey(): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  lastKeyNs = now > lastKeyNs ? now : lastKeyNs + 1000n;
  return `${lastKeyNs}-${process.pid}-0`;
}
