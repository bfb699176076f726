/** Recorded hooks of the real CLI: single payloads, and whole sessions in their order. */
import { readdirSync, readFileSync } from 'node:fs';

/** A hook body as the CLI prints it. */
export interface HookBody {
  session_id: string;
  hook_event_name?: string | null;
  [field: string]: unknown;
}

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** Every recorded payload, by the name of its file. */
export function recordedHooks(): { name: string; body: HookBody }[] {
  const folder = new URL('claude-hooks/', FIXTURES);
  return readdirSync(folder)
    .sort()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      body: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as HookBody,
    }));
}

/** One recorded payload. */
export function recordedHook(name: string): HookBody {
  const file = new URL(`claude-hooks/${name}.json`, FIXTURES);
  return JSON.parse(readFileSync(file, 'utf8')) as HookBody;
}

/** The hooks of one recorded session, oldest first. */
export function recordedSequence(name: string): HookBody[] {
  const file = new URL(`claude-hook-sequences/${name}.jsonl`, FIXTURES);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => (JSON.parse(line) as { payload: HookBody }).payload);
}
