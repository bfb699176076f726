/**
 * Stands in for the server: keeps the hooks that reach `/api/hook`, in order. The scenarios use it to show
 * what the real `claude` sends, with none of our own code between.
 */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInbox } from '../support/inbox.ts';
import type { Listener } from './scenario.ts';

const EVENTS = [
  ...['SessionStart', 'SessionEnd', 'UserPromptSubmit', 'Stop', 'StopFailure', 'Notification'],
  ...['PreToolUse', 'PostToolUse', 'PostToolUseFailure', 'PermissionRequest', 'PermissionDenied'],
  ...['SubagentStart', 'SubagentStop', 'PreCompact', 'PostCompact'],
];

/** A hook's body as the CLI wrote it. */
export interface SeenHook {
  readonly hook_event_name: string;
  readonly session_id: string;
  readonly tool_name?: string;
  readonly agent_id?: string;
  readonly [field: string]: unknown;
}

/** A server that takes hooks and remembers them. */
export interface Recorder extends Listener {
  readonly hooks: readonly SeenHook[];
  /** Settles with the first hook of that event, past or to come. */
  waitFor(event: string): Promise<SeenHook>;
  /** Settles with the first hook, past or to come, that fits. */
  waitFor(fits: (hook: SeenHook) => boolean): Promise<SeenHook>;
}

/** Starts a recorder on a free port of 127.0.0.1. */
export async function startRecorder(): Promise<Recorder> {
  const inbox = createInbox<SeenHook>('recorder');
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    inbox.add(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const command = `curl -s -m 4 -o /dev/null --data-binary @- http://127.0.0.1:${port}/api/hook || true`;
  return {
    hooks: inbox.items,
    waitFor: (wanted) =>
      inbox.waitFor(
        typeof wanted === 'string' ? (hook) => hook.hook_event_name === wanted : wanted,
      ),
    async installIn({ home }) {
      // Not async: the CLI awaits each hook, so they arrive in the order they fired.
      const entry = [{ hooks: [{ type: 'command', command, timeout: 10 }] }];
      const settings = { hooks: Object.fromEntries(EVENTS.map((event) => [event, entry])) };
      await writeFile(join(home, '.claude', 'settings.json'), JSON.stringify(settings, null, 2));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Hooks as a test reads them, one line each; `>` marks those fired inside a subagent. Notifications are left
 * out: they come by the clock (6 s after a dialog opened), so a slow machine would see more of them.
 */
export function outline(hooks: readonly SeenHook[]): string[] {
  return hooks
    .filter((hook) => hook.hook_event_name !== 'Notification')
    .map((hook) => {
      const { hook_event_name: event, tool_name: tool, source, reason, agent_id: agent } = hook;
      const own = [event, tool, source, reason].filter((word) => word !== undefined).join(' ');
      return agent === undefined ? own : `> ${own}`;
    });
}
