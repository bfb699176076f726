/** A runtime over a real writer in a directory of its own, with an outlet that keeps what is sent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionEvent } from '../../machines/session-events.ts';
import { type DataPaths, dataPaths } from '../../src/config.ts';
import { openDataDirectory } from '../../src/files.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { ServerMessage } from '../../src/protocol/server.ts';
import { createRuntime, type Runtime, type RuntimeDeps } from '../../src/runtime/runtime.ts';
import { openWriter, type Writer } from '../../src/store/writer.ts';
import { BARE } from '../support/bare-runtime.ts';
import { noCodex } from '../support/no-codex.ts';

export interface TestRuntime extends AsyncDisposable {
  runtime: Runtime;
  writer: Writer;
  paths: DataPaths;
  /** What the rooms received, in order. */
  said: Array<{ room: string; message: ServerMessage & { revision?: number } }>;
  /** Stops and starts again over the same directory. */
  restart(): Promise<TestRuntime>;
}

/** Opens a runtime; `directory` continues an earlier one, `parts` may give it a Codex. */
export async function openTestRuntime(
  directory = mkdtempSync(join(tmpdir(), 'dock-runtime-')),
  parts: Partial<RuntimeDeps> = {},
): Promise<TestRuntime> {
  const paths = dataPaths(directory);
  openDataDirectory(paths);
  const writer = await openWriter({ paths, durability: 'normal', log: SILENT_LOGGER });
  const runtime = createRuntime({
    writer,
    ...BARE,
    ...noCodex(),
    log: SILENT_LOGGER,
    version: 'test',
    ...parts,
  });
  const said: TestRuntime['said'] = [];
  runtime.rooms.attach({ publish: (room, { message }) => said.push({ room, message }) });
  await runtime.openWorking();
  const close = async () => {
    await writer.close();
    runtime.registry.stop();
  };
  return {
    runtime,
    writer,
    paths,
    said,
    async restart() {
      await close();
      return openTestRuntime(directory, parts);
    },
    async [Symbol.asyncDispose]() {
      await close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A hook body of one session, as the CLI would print it. */
export function hook(session_id: string, hook_event_name: string, more: object = {}): object {
  return { session_id, hook_event_name, cwd: '/home/dev/shop', ...more };
}

/** A message that SQLite cannot bind: poison that passes every other check. */
export function poison(session_id: string): SessionEvent {
  const message = {
    id: `${session_id}:poison`,
    session_id,
    // The chart quotes what people and models say; this it only passes on.
    message_type: 'tool' as const,
    content: { not: 'text' } as unknown as string,
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    timestamp: '2026-11-22T10:00:00.000Z',
    duration_ms: null,
  };
  return { type: 'turn.failed', at: '2099-01-01T00:00:00.000000Z', error: 'x', message };
}
