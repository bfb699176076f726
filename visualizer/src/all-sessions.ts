/**
 * What a person does with all sessions and not with the watched one: begins one, searches in all, takes a whole
 * conversation along. Over the same line as session-client.ts.
 */
import {
  type Client,
  ClientError,
  type ConversationFormat,
  conversationFile,
  type ReplyTo,
} from '../../src/client/index.ts';
import type { UsageBy } from '../../src/protocol/reply-nouns.ts';
import { connected, type SessionView, send } from './session-client.ts';

/** What a session begins with; empty is as configured. */
export interface NewSession {
  cwd: string;
  prompt: string;
  model: string;
  worktree: { branch: string | null } | null;
  approval_policy: string;
  sandbox_mode: string;
}

/** Begins a session and gives it its first message; `id` is null when there is none, `failure` says why. */
export async function startSession({
  prompt,
  model,
  ...wish
}: NewSession): Promise<{ id: string; failure: string | null } | { id: null; failure: string }> {
  try {
    const { session } = await connected().request({
      ...{ type: 'create_session', provider: 'codex', ...wish },
      ...(model !== '' && { model }),
    });
    return { id: session.id, failure: await send(session.id, prompt) };
  } catch (cause) {
    if (cause instanceof ClientError) return { id: null, failure: cause.message };
    throw cause;
  }
}

/** Copies a session with all that was said in it. @returns the copy's id, or the words why there is none */
export async function forkSession(
  source_session_id: string,
): Promise<{ id: string } | { failure: string }> {
  try {
    const answer = await connected().request({ type: 'fork_session', source_session_id });
    return { id: answer.new_session_id };
  } catch (cause) {
    if (cause instanceof ClientError) return { failure: cause.message };
    throw cause;
  }
}

/** Directories to choose from: below a path that ends with `/`, else where sessions ran before. */
export async function directoriesFor(path: string): Promise<string[]> {
  try {
    if (path === '') {
      const { projects } = await connected().request({ type: 'list_recent_projects' });
      return projects.map((project) => project.path);
    }
    const listing = await connected().request({ type: 'browse_directory', path });
    return listing.entries.filter(({ is_dir }) => is_dir).map(({ name }) => `${path}${name}`);
  } catch (cause) {
    // What cannot be looked into offers nothing; the path may be typed all the same.
    if (cause instanceof ClientError) return [];
    throw cause;
  }
}

/** Names in a directory, those of directories with a slash behind; the words why not when it cannot be looked into. */
export async function namesIn(path: string): Promise<readonly string[] | string> {
  try {
    const { entries } = await connected().request({ type: 'browse_directory', path });
    return entries.map(({ name, is_dir }) => (is_dir ? `${name}/` : name));
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}

/** A whole conversation as a file. @throws Error while the session is not known */
export async function conversationOf(
  id: string,
  format: ConversationFormat,
): Promise<{ filename: string; text: string }> {
  const line = connected();
  const stop = line.watch(id);
  try {
    const session = line.session(id) ?? (await received(line, id));
    const parts: string[] = [];
    for await (const part of conversationFile(line, session, format)) parts.push(part);
    return { filename: `${id}.${format}`, text: parts.join('') };
  } finally {
    stop();
  }
}

function received(line: Client, id: string): Promise<SessionView> {
  return new Promise((resolve, reject) => {
    const ends = [
      line.on('session', (session) => session.id === id && end(() => resolve(session))),
      line.on('unavailable', (session, cause) => session === id && end(() => reject(cause))),
    ];
    function end(settle: () => void): void {
      for (const stop of ends) stop();
      settle();
    }
  });
}

/** Where words stand; `next` leads on. */
export type SearchPage = Pick<ReplyTo<'search'>, 'hits' | 'next' | 'is_partial'>;

/** Finds messages and sessions, the newest first, behind the place of an earlier page; else the words why not. */
export async function find(query: string, before: number | null): Promise<SearchPage | string> {
  try {
    return await connected().request({
      ...{ type: 'search', query, before },
      utc_offset_minutes: -new Date().getTimezoneOffset(),
    });
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}

/** What sessions have read, written and cost in the last so many days (1 is today), in groups; else the words why not. */
export async function askUsage(by: UsageBy, days = 1): Promise<ReplyTo<'get_usage'> | string> {
  try {
    return await connected().request({
      ...{ type: 'get_usage', by, from: `${days}d` },
      utc_offset_minutes: -new Date().getTimezoneOffset(),
    });
  } catch (cause) {
    if (cause instanceof ClientError) return cause.message;
    throw cause;
  }
}
