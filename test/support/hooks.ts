/** Hooks as their senders send them: a POST with the key that hook.sh would make, and a few bodies. */
import { Agent, request } from 'node:http';
import { createStampClock } from '../../src/runtime/clock.ts';
import type { HookBody } from './fixtures.ts';
import { flawOfAnswer } from './http.ts';

export interface PostOptions {
  /** `Idempotency-Key`; a new one when left out, none at all for null. */
  key?: string | null;
  /** `X-OrbitDock-Hook`. */
  type?: string;
  /** `X-OrbitDock-Sent`: when hook.sh sends it, nanoseconds; it ran at the time of its key then. */
  sent?: string;
  agent?: Agent;
}

/** The status, and the body of a refusal. */
export interface PostResult {
  status: number;
  body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
// As fine as the server's: within one millisecond too, what is sent later is stamped later.
const clock = createStampClock();

/** A key as hook.sh makes it: nanoseconds, its pid, the CLI's pid. Later calls give later moments. */
export function hookKey(claudePid = 0): string {
  return `${clock.now()}000-${process.pid}-${claudePid}`;
}

/**
 * Posts one hook; resolves with whatever the server says, which must be in the OpenAPI document.
 *
 * @throws the socket's error when the server is not there or goes away
 */
export function postHook(
  url: string,
  body: unknown,
  options: PostOptions = {},
): Promise<PostResult> {
  const { key = hookKey(), type, sent, agent: own = agent } = options;
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': bytes.length,
      ...(key !== null && { 'Idempotency-Key': key }),
      ...(type !== undefined && { 'X-OrbitDock-Hook': type }),
      ...(sent !== undefined && { 'X-OrbitDock-Sent': sent }),
    };
    const post = request(`${url}/api/hook`, { method: 'POST', headers, agent: own }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('close', () => reject(new Error('the answer broke off')));
      answer.once('end', () => {
        const received = { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
        const flaw = received.status === 204 ? null : flawOfHookAnswer(received);
        if (flaw) reject(new Error(`POST /api/hook: ${flaw}`));
        else resolve(received);
      });
    });
    post.once('error', (error: NodeJS.ErrnoException) => {
      // The server may end an idle connection at the moment at which it is used again: ask on a new one.
      const isOld = post.reusedSocket && error.code === 'ECONNRESET';
      if (isOld) resolve(postHook(url, body, { ...options, key }));
      else reject(error);
    });
    post.end(bytes);
  });
}

function flawOfHookAnswer({ status, body }: PostResult): string | null {
  return flawOfAnswer('POST', '/api/hook', status, JSON.parse(body));
}

/** Posts a hook that must be taken. @throws when it is not */
export async function deliver(url: string, body: HookBody, options?: PostOptions): Promise<void> {
  const { status, body: words } = await postHook(url, body, options);
  if (status !== 204) throw new Error(`${body.hook_event_name}: ${status} ${words}`);
}

/** The bodies of one session. */
export function scriptOf(session_id: string, cwd = '/home/dev/shop') {
  const base = { session_id, cwd, permission_mode: 'default' };
  const tool = (id: string, command: string) => ({
    ...base,
    tool_name: 'Bash',
    tool_input: { command },
    tool_use_id: id,
  });
  return {
    start: (source = 'startup', more = {}): HookBody => ({
      ...base,
      hook_event_name: 'SessionStart',
      source,
      ...more,
    }),
    prompt: (prompt: string, prompt_id?: string): HookBody => ({
      ...base,
      hook_event_name: 'UserPromptSubmit',
      prompt,
      ...(prompt_id && { prompt_id }),
    }),
    toolStarts: (id: string, command = 'ls'): HookBody => ({
      ...tool(id, command),
      hook_event_name: 'PreToolUse',
    }),
    asks: (command = 'ls'): HookBody => {
      const { tool_use_id: _, ...rest } = tool('', command);
      return { ...rest, hook_event_name: 'PermissionRequest' };
    },
    toolEnds: (id: string, stdout = 'ok', command = 'ls'): HookBody => ({
      ...tool(id, command),
      hook_event_name: 'PostToolUse',
      tool_response: { stdout, stderr: '' },
      duration_ms: 12,
    }),
    stop: (last_assistant_message = 'Done.'): HookBody => ({
      ...base,
      hook_event_name: 'Stop',
      last_assistant_message,
    }),
    end: (reason = 'other'): HookBody => ({ ...base, hook_event_name: 'SessionEnd', reason }),
  };
}
