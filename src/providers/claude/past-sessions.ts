/**
 * Conversations of Claude Code as they are stored on disk: listed by the times of their files, and read when a client opens
 * one. Of those that are listed only the beginning and the end of the file are looked at.
 */
import { constants, open } from 'node:fs/promises';
import { systemCodeOf } from '../../exit.ts';
import { scanJson } from '../../protocol/json-scan.ts';
import type { Message } from '../../protocol/nouns.ts';
import type { PastSession } from '../../protocol/reply-nouns.ts';
import { comesBefore, type PastPlace, type PastSessions } from '../provider.ts';
import { isSafeId, type KeepImage, type TranscriptReport } from '../reports.ts';
import { listTranscripts, type TranscriptFile } from './homes.ts';
import { TranscriptMessages } from './transcript-messages.ts';
import { TranscriptParser } from './transcript-parser.ts';
import { TranscriptReader } from './transcript-reader.ts';

type ListOptions = Parameters<PastSessions['list']>[0];

/** Bytes of the beginning and of the end of a file that its entry in the list is made from. */
const GLANCE_BYTES = 64 * 1024;
/** Longest text of an entry. */
const MAX_SHOWN = 200;

/** See `PastSessions.list`. */
export async function listPast(
  homes: readonly string[],
  { after, limit }: ListOptions,
): Promise<PastSession[]> {
  const found: PastSession[] = [];
  for (const file of await filesBehind(homes, after)) {
    if (found.length >= limit) break;
    const session = await glanceAt(file);
    if (session !== null) found.push(session);
  }
  return found;
}

/** See `PastSessions.read`. */
export async function readPast(homes: readonly string[], id: string, keep: KeepImage) {
  if (!isSafeId(id)) return null;
  const file = (await filesBehind(homes, null)).find(({ sessionId }) => sessionId === id);
  const session = file === undefined ? null : await glanceAt(file);
  if (file === undefined || session === null) return null;
  return { session, messages: await conversationIn(file, keep) };
}

/** Each session once: the newest file where several homes have one. */
async function filesBehind(homes: readonly string[], after: PastPlace | null) {
  const files = await listTranscripts(homes, Number.POSITIVE_INFINITY);
  const seen = new Set<string>();
  const own = files.filter(({ sessionId }) => !seen.has(sessionId) && seen.add(sessionId));
  const behind = after === null ? own : own.filter((file) => comesBefore(after, placeOf(file)));
  return behind.sort((one, other) => (comesBefore(placeOf(one), placeOf(other)) ? -1 : 1));
}

function placeOf({ sessionId: id, changedAt }: TranscriptFile): PastPlace {
  return { at: Math.floor(changedAt), id };
}

/** What the list says of a file; null for one that cannot be read, or in which nothing was said. */
async function glanceAt(file: TranscriptFile): Promise<PastSession | null> {
  const lines = await linesOfBothEnds(file);
  if (lines === null) return null;
  const parser = new TranscriptParser(file.sessionId);
  const reports: TranscriptReport[] = [];
  let project: string | null = null;
  let branch: string | null = null;
  for (const text of lines) {
    reports.push(...parser.line(text));
    const fields = fieldsOf(text);
    project ??= wordOf(fields?.cwd);
    branch = wordOf(fields?.gitBranch) ?? branch;
  }
  if (!reports.some(({ what }) => what === 'user.text' || what === 'assistant.text')) return null;
  const prompt = reports.find(
    (of) => of.what === 'user.text' && of.agent === null && of.by !== 'agent',
  );
  return {
    id: file.sessionId,
    provider: 'claude',
    title: titleIn(reports),
    first_prompt: prompt?.what === 'user.text' ? oneLine(prompt.text) : null,
    project_path: project,
    git_branch: branch,
    model: reports.findLast((of) => of.what === 'model')?.model ?? null,
    last_activity_at: new Date(placeOf(file).at).toISOString(),
    bytes: file.bytes,
  };
}

/** A name that a person gave is better than one of the model. */
function titleIn(reports: readonly TranscriptReport[]): string | null {
  const titles = reports.flatMap((of) => (of.what === 'title' ? [of] : []));
  const best = titles.findLast(({ by }) => by === 'person') ?? titles.at(-1);
  return best === undefined ? null : oneLine(best.title);
}

/** Whole lines only; what is between the two ends is left out. */
async function linesOfBothEnds({ path, bytes }: TranscriptFile): Promise<string[] | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using handle = await open(path, flags);
    if (!(await handle.stat()).isFile()) return null;
    const part = async (from: number): Promise<string> => {
      const buffer = Buffer.alloc(Math.min(GLANCE_BYTES, bytes));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      return buffer.toString('utf8', 0, bytesRead);
    };
    const begins = (await part(0)).split('\n');
    if (bytes <= GLANCE_BYTES) return begins;
    const ends = (await part(Math.max(GLANCE_BYTES, bytes - GLANCE_BYTES))).split('\n');
    return [...begins.slice(0, -1), ...ends.slice(1)];
  } catch (error) {
    // Removed or forbidden meanwhile: it is not listed.
    if (systemCodeOf(error) === null) throw error;
    return null;
  }
}

async function conversationIn({ path, sessionId }: TranscriptFile, keep: KeepImage) {
  const reader = new TranscriptReader(path, sessionId);
  const transcript = new TranscriptMessages(sessionId);
  const messages = new Map<string, Message>();
  for (;;) {
    const { reports, more } = await reader.read();
    const piece = transcript.take(reports);
    for (const id of piece?.dropped.messages ?? []) messages.delete(id);
    for (const make of piece?.messages ?? []) {
      const message = make(keep);
      // A message keeps its place when a later line completes it.
      messages.set(message.id, message);
    }
    if (!more) return [...messages.values()];
  }
}

function fieldsOf(text: string): Record<string, unknown> | null {
  // The parser has counted what is no JSON.
  if (scanJson(Buffer.from(text)) !== null) return null;
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    // A line that the glance cut in two.
    return null;
  }
}

function wordOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function oneLine(text: string): string {
  return text.slice(0, 2000).replace(/\s+/g, ' ').trim().slice(0, MAX_SHOWN);
}
