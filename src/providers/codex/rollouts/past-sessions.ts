/**
 * Conversations of Codex as they are stored on disk: listed by the times of their files, and read when one is opened. Of
 * those that are listed only the beginning and the end are looked at.
 */
import type { Message, TokenUsage } from '../../../protocol/nouns.ts';
import type { PastSession } from '../../../protocol/reply-nouns.ts';
import { comesBefore, type PastPlace, type SubagentBranch } from '../../provider.ts';
import type { KeepImage } from '../../reports.ts';
import { FileTail } from '../../shared/lines.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import { messageFrom, saidBy } from '../thread/items.ts';
import { ThreadNames } from './names-and-locks.ts';
import { usageOf } from './rollout-events.ts';
import { firstLineOf, lookAt, type RolloutFile, RolloutFiles } from './rollout-files.ts';
import { RolloutParser, type RolloutReport } from './rollout-parser.ts';
import { pastOf } from './rollout-reader.ts';

/** A file and what it looks like. */
interface Dated {
  file: RolloutFile;
  place: PastPlace;
  bytes: number;
}

/** Bytes of the beginning that an entry of the list is made from, behind the first line. */
const GLANCE_BYTES = 256 * 1024;
/** Longest text of an entry. */
const MAX_SHOWN = 200;

/** At most `limit`, the newest change first, behind `after` or from the newest on. */
export async function listPast(
  homes: readonly string[],
  { after, limit }: { after: PastPlace | null; limit: number },
): Promise<PastSession[]> {
  const [files, names] = await opened(homes);
  const found: PastSession[] = [];
  for (const dated of await datedBehind(files, after)) {
    if (found.length >= limit) break;
    const thread = await glanceAt(dated, names, files);
    if (thread !== null) found.push(thread);
  }
  return found;
}

/**
 * All messages of one, the oldest first, under the ids that a live session of it has; null when there is none.
 *
 * @param keep  keeps its images; what it refuses is left out
 */
export async function readPast(
  homes: readonly string[],
  id: string,
  keep: KeepImage,
): Promise<{ session: PastSession; messages: Message[] } | null> {
  const [files, names] = await opened(homes);
  const file = files.of(id);
  const seen = file && (await lookAt(file));
  if (!file || !seen) return null;
  const place = { at: Math.floor(seen.mtimeMs), id };
  const session = await glanceAt({ file, place, bytes: seen.size }, names, files);
  if (session === null) return null;
  const messages = new Map<string, Message>();
  for await (const report of reportsOf(file, files)) {
    if (report.what !== 'item') continue;
    const about = { sessionId: id, timestamp: new Date(report.at).toISOString() };
    const message = messageFrom(report.item, about, keep);
    if (message !== null) messages.set(message.id, message);
  }
  return { session, messages: [...messages.values()] };
}

/**
 * What a subagent of a session did and said, or why that is not to be had.
 *
 * @param agent  its thread
 */
export async function readSubagent(
  homes: readonly string[],
  { sessionId, agent }: { sessionId: string; agent: string },
  keep: KeepImage,
): Promise<SubagentBranch | { unavailable: string }> {
  const [files] = await opened(homes);
  const file = files.of(agent);
  const meta = file && (await firstLineOf(file));
  if (!file || meta?.threadId !== agent || !meta.isSubagent) {
    return { unavailable: 'its rollout is not there' };
  }
  const messages = new Map<string, Message>();
  let usage: TokenUsage | null = null;
  for await (const report of reportsOf(file, files)) {
    if (report.what === 'tokens') usage = usageOf(report);
    if (report.what !== 'item') continue;
    const about = { sessionId, timestamp: new Date(report.at).toISOString() };
    const message = messageFrom(report.item, about, keep);
    if (message !== null) messages.set(message.id, message);
  }
  return { messages: [...messages.values()], usage };
}

async function opened(homes: readonly string[]): Promise<[RolloutFiles, ThreadNames]> {
  // What cannot be read is not listed; the watch has warned of it.
  const files = new RolloutFiles(homes, () => {});
  const names = new ThreadNames(homes);
  await Promise.all([files.check(true), names.check()]);
  return [files, names];
}

async function datedBehind(files: RolloutFiles, after: PastPlace | null): Promise<Dated[]> {
  const all: Dated[] = [];
  for (const file of files.newest(Number.POSITIVE_INFINITY)) {
    const seen = await lookAt(file);
    if (seen === null) continue;
    const place = { at: Math.floor(seen.mtimeMs), id: file.threadId };
    if (after === null || comesBefore(after, place)) all.push({ file, place, bytes: seen.size });
  }
  return all.sort((one, other) => (comesBefore(one.place, other.place) ? -1 : 1));
}

/** Null for one that cannot be read, works for another thread, or in which nothing was said. */
async function glanceAt(
  { file, place, bytes }: Dated,
  names: ThreadNames,
  files: RolloutFiles,
): Promise<PastSession | null> {
  const meta = await firstLineOf(file);
  if (meta === null || meta.isSubagent || meta.threadId !== file.threadId) return null;
  const [oldest = file] = (await pastOf(file, files)).map((part) => part.file);
  const { prompt, model } = await beginningOf(oldest);
  if (prompt === null && names.of(file.threadId) === null) return null;
  return {
    id: file.threadId,
    provider: 'codex',
    title: names.of(file.threadId),
    first_prompt: prompt,
    project_path: meta.cwd,
    git_branch: meta.branch,
    model,
    last_activity_at: new Date(place.at).toISOString(),
    bytes,
  };
}

/** The first words of a person, and the model that answered. */
async function beginningOf(file: RolloutFile) {
  const tail = new FileTail(file.path, null, { batch: GLANCE_BYTES });
  const parser = new RolloutParser();
  let prompt: string | null = null;
  let model: string | null = null;
  const { lines } = await tail.read();
  for (const report of lines.flatMap((line) => parser.line(line))) {
    if (report.what === 'settings') model ??= report.model;
    const said = report.what === 'item' ? wordsOf(report.item) : null;
    prompt ??= said;
  }
  return { prompt, model };
}

function wordsOf(item: ThreadItem): string | null {
  if (item.type !== 'userMessage') return null;
  const words = saidBy(item.content).text.slice(0, 2_000).replace(/\s+/g, ' ').trim();
  return words === '' ? null : words.slice(0, MAX_SHOWN);
}

/** What a thread says, with what is before its newest file. */
async function* reportsOf(file: RolloutFile, files: RolloutFiles): AsyncGenerator<RolloutReport> {
  const parts = [...(await pastOf(file, files)), { file, until: Number.POSITIVE_INFINITY }];
  for (const part of parts) {
    const [tail, parser] = [new FileTail(part.file.path), new RolloutParser()];
    for (let more = true; more; ) {
      const batch = await tail.read(part.until);
      more = batch.more;
      for (const report of batch.lines.flatMap((line) => parser.line(line))) {
        yield report;
      }
    }
  }
}
