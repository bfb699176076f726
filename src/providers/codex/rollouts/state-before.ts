/**
 * How far the reference server had read rollouts (`codex-rollout-state.json` in its data directory): what it told of a
 * session is not told again. The file is read, never written; our own positions are in the database and count first.
 */
import { readFile } from 'node:fs/promises';
import { systemCodeOf } from '../../../exit.ts';
import { number, object } from './rollout-items.ts';

/** Bytes read of each path; empty where there is no such file, or it is none of the reference's. */
export async function readOffsetsBefore(path: string): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const [file, state] of Object.entries(await filesIn(path))) {
    const offset = number(object(state)?.offset);
    if (offset !== null && offset > 0) offsets.set(file, offset);
  }
  return offsets;
}

async function filesIn(path: string): Promise<Record<string, unknown>> {
  try {
    return object(object(JSON.parse(await readFile(path, 'utf8')))?.files) ?? {};
  } catch (error) {
    // Mostly there is none; a damaged one says nothing, and rollouts are read from their start.
    if (systemCodeOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return {};
  }
}
