/**
 * What the store's tests share: data directories that vanish, items and facts with sensible defaults, the
 * write side without its thread, and a subscriber that folds frames into a state.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import { type DataPaths, dataPaths } from '../../src/config.ts';
import { SILENT_LOGGER } from '../../src/log.ts';
import type { Message, SessionState, SessionSummary } from '../../src/protocol/nouns.ts';
import type { SessionMessage } from '../../src/protocol/server.ts';
import { Committer } from '../../src/store/commit.ts';
import { openMigrated } from '../../src/store/database.ts';
import { openEpoch } from '../../src/store/epoch.ts';
import { createAnswer } from '../../src/store/queries/run-read.ts';
import { openWriter, type Writer } from '../../src/store/writer.ts';
import type { EventItem, Item, ItemResult, ReadResults } from '../../src/store/writer-messages.ts';

export const AT = '2026-03-01T12:00:00.123456Z';
export const AT_MS = '2026-03-01T12:00:00.123Z';

/** A data directory of its own, gone after the test. */
export function tempPaths(): DataPaths {
  const dir = mkdtempSync(join(tmpdir(), 'orbitdock-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dataPaths(dir);
}

/** A writer that is closed after the test. */
export async function openTestWriter(paths: DataPaths): Promise<Writer> {
  const writer = await openWriter({ paths, durability: 'normal', log: SILENT_LOGGER });
  onTestFinished(() => writer.close());
  return writer;
}

/**
 * What the writer thread has, in this thread; closed after the test.
 *
 * @param now  the clock by which the file outside the database is written, ms
 */
export function openStore(paths: DataPaths = tempPaths(), now = () => performance.now()) {
  const database = openMigrated(paths, 'normal');
  const epoch = openEpoch({ database, path: paths.epoch, now });
  // As the thread does, behind its first answer.
  epoch.mark();
  const committer = new Committer({ database, epoch });
  const commit = (items: Item[]) => committer.commit(items);
  const answer = createAnswer({ database, epoch: epoch.id });
  onTestFinished(() => void database.close());
  return {
    paths,
    database,
    epoch,
    commit: (...items: Item[]) => commit(items),
    forget: (sessionId: string) => committer.forget(sessionId),
    one: (item: Item): ItemResult => commit([item])[0] as ItemResult,
    actor: (sessionId: string) => answer({ kind: 'actor', sessionId }) as ReadResults['actor'],
    list: () => answer({ kind: 'list' }) as ReadResults['list'],
    catchUp: (
      sessionId: string,
      since: number | null,
      of: string | null = null,
      messages: number | null = null,
    ) =>
      answer({
        kind: 'catch-up',
        sessionId,
        since,
        epoch: of,
        messages,
      }) as ReadResults['catch-up'],
    snapshot: (sessionId: string): SessionState => {
      const read = answer({ kind: 'catch-up', sessionId, since: null, epoch: null });
      return snapshotOf(read as ReadResults['catch-up']);
    },
  };
}

export type Store = ReturnType<typeof openStore>;

/** The state inside the only frame of a catch-up that is a snapshot. */
export function snapshotOf(read: ReadResults['catch-up']): SessionState {
  const frame = JSON.parse(read?.frames[0] ?? 'null') as { type: string; session: SessionState };
  if (frame?.type !== 'session_snapshot') throw new Error(`Not a snapshot: ${read?.frames[0]}`);
  return frame.session;
}

export function submitted(writer: Writer, item: Item): Promise<ItemResult> {
  return new Promise((resolve) => writer.submit(item, resolve));
}

let chains = 1_000_000;

function nextChain(): number {
  chains += 1;
  return chains;
}

/** An accepted event with these facts, in a chain of its own. */
export function event(
  sessionId: string,
  facts: Fact[] = [],
  rest: Partial<EventItem> = {},
): EventItem {
  return {
    kind: 'event',
    sessionId,
    // One of its own for each: an event that is refused takes no other with it.
    chain: nextChain(),
    key: null,
    at: AT,
    origin: 'test',
    caller: null,
    event: '{"type":"hook.observed"}',
    accepted: true,
    value: '"idle"',
    facts: JSON.stringify(facts),
    snapshot: null,
    machineVersion: 1,
    base: null,
    ...rest,
  };
}

function summary(id: string, rest: Partial<SessionSummary> = {}): SessionSummary {
  return {
    id,
    provider: 'claude',
    project_path: `/projects/${id}`,
    project_name: id,
    model: null,
    status: 'active',
    work_status: 'waiting',
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    has_pending_approval: false,
    started_at: AT_MS,
    last_activity_at: AT_MS,
    ...rest,
  };
}

/** The fact that makes a session. */
export function sessionCreated(id: string, rest: Partial<SessionSummary> = {}): Fact {
  return { type: 'session_created', session: summary(id, rest) };
}

/** The event that makes a session. */
export function created(id: string, rest: Partial<SessionSummary> = {}): EventItem {
  return event(id, [sessionCreated(id, rest)]);
}

function message(sessionId: string, id: string, rest: Partial<Message> = {}): Message {
  return {
    id,
    session_id: sessionId,
    message_type: 'assistant',
    content: `words of ${id}`,
    tool_name: null,
    tool_input: null,
    tool_output: null,
    is_error: false,
    timestamp: AT_MS,
    duration_ms: null,
    ...rest,
  };
}

export function appended(sessionId: string, id: string, rest: Partial<Message> = {}): Fact {
  const fact = message(sessionId, id, rest);
  return { type: 'message_appended', session_id: sessionId, message: fact };
}

/** What a subscriber makes of frames: the state it had, brought forward. */
export function fold(state: SessionState, frames: string[]): SessionState {
  const next = structuredClone(state);
  for (const text of frames) {
    const frame = JSON.parse(text) as SessionMessage & { revision: number };
    if (frame.revision < next.revision) throw new Error(`Revision ${frame.revision} goes back`);
    next.revision = frame.revision;
    foldOne(next, frame);
  }
  return next;
}

/** The same by a client that drops every frame whose revision it has. */
export function foldNewer(state: SessionState, frames: string[]): SessionState {
  let next = state;
  for (const text of frames) {
    const { revision } = JSON.parse(text) as { revision: number };
    if (revision > next.revision) next = fold(next, [text]);
  }
  return next;
}

function foldOne(state: SessionState, frame: SessionMessage): void {
  switch (frame.type) {
    case 'message_appended':
      state.messages.push(frame.message);
      state.message_count += 1;
      return;
    case 'message_updated': {
      const found = state.messages.find(({ id }) => id === frame.message_id);
      if (found !== undefined) Object.assign(found, frame.changes);
      return;
    }
    case 'turn_diff_snapshot':
      foldTurnDiff(state, frame);
      return;
    case 'approval_requested':
      state.pending_approval = frame.request;
      return;
    case 'session_delta':
      foldChanges(state, frame.changes);
      return;
    default:
      throw new Error(`A replay never holds ${frame.type}`);
  }
}

function foldTurnDiff(
  state: SessionState,
  { turn_id, diff }: Extract<SessionMessage, { type: 'turn_diff_snapshot' }>,
): void {
  state.turn_diffs ??= [];
  const found = state.turn_diffs.find((known) => known.turn_id === turn_id);
  if (found === undefined) state.turn_diffs.push({ turn_id, diff });
  else found.diff = diff;
}

function foldChanges(
  state: SessionState,
  changes: Extract<SessionMessage, { type: 'session_delta' }>['changes'],
): void {
  const { subagents, last_activity_at, ...rest } = changes;
  for (const [key, value] of Object.entries(rest)) {
    const isOptional = !['pending_approval', 'current_diff', 'current_plan', 'model'].includes(key);
    if (value === null && isOptional) delete (state as unknown as Record<string, unknown>)[key];
    // A delta says of a plan or a diff that is over that it is empty.
    else if (key === 'current_plan' && value === '[]') state.current_plan = null;
    else if (key === 'current_diff' && value === '') state.current_diff = null;
    else Object.assign(state, { [key]: value });
  }
  if (last_activity_at !== undefined) {
    const ms = Number(last_activity_at.slice(0, -1)) * 1000;
    state.last_activity_at = new Date(ms).toISOString();
  }
  for (const agent of subagents ?? []) {
    state.subagents ??= [];
    const at = state.subagents.findIndex(({ id }) => id === agent.id);
    if (at === -1) state.subagents.push(agent);
    else state.subagents[at] = agent;
  }
}

/** Random numbers that a seed repeats (mulberry32). */
export function seeded(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    below: (limit: number) => Math.floor(next() * limit),
    one: <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)] as T,
  };
}
