/**
 * Reads the rollout of one thread as it grows. The past of a thread may be in other files: a fork and a thread that
 * was taken back begin in the middle of another one, which is read up to there first.
 */
import type { RateLimit } from '../../../protocol/reply-nouns.ts';
import type { TranscriptEvent } from '../../reports.ts';
import { FileTail, type TailPosition } from '../../shared/lines.ts';
import { limitsFrom } from '../account.ts';
import { RolloutEvents } from './rollout-events.ts';
import { firstLineOf, lookAt, type RolloutFile, type RolloutFiles } from './rollout-files.ts';
import { RolloutParser, type RolloutReport } from './rollout-parser.ts';

/** A file of a history, and where it ends. */
interface Part {
  file: RolloutFile;
  until: number;
}

/** What one check brought. */
export interface RolloutBatch {
  news: TranscriptEvent[];
  position: TailPosition | null;
  /** Lines over the limit that were passed over, and lines that were no JSON. */
  skipped: { bytes: number }[];
  junk: number;
  /** What the newest line says of the account's limits. */
  limits: RateLimit[];
  more: boolean;
}

/** More files than a thread was ever taken back or forked. */
const MAX_PARTS = 64;

/** Reads one thread. Calls of `read` must not overlap. */
export class RolloutReader {
  readonly file: RolloutFile;
  readonly #files: Pick<RolloutFiles, 'byId'>;
  readonly #sessionId: string;
  readonly #tail: FileTail;
  #parser = new RolloutParser();
  #events: RolloutEvents;
  #from: TailPosition | null;
  readonly #isPastKnown: boolean;
  /** A turn that a connector has reported, with all before it; null once the reader has reached it. */
  #reportedTurn: string | null;
  /** What of the past was not read yet, the oldest first; null before the first check. */
  #past: Part[] | null = null;
  #pastTail: FileTail | null = null;
  #pastParser = new RolloutParser();
  #limits: RateLimit[] = [];
  /** Turns of which something was reported, in their order. */
  readonly turns: string[] = [];

  /**
   * @param from  the position that was stored for this very file; null when it was never read
   * @param isPastKnown  what is before this file was reported
   * @param reportedTurn  what is before this turn was reported by other means; null where that is not known
   */
  constructor(
    file: RolloutFile,
    sessionId: string,
    {
      from,
      isPastKnown,
      reportedTurn,
    }: { from: TailPosition | null; isPastKnown: boolean; reportedTurn: string | null },
    files: Pick<RolloutFiles, 'byId'>,
  ) {
    this.file = file;
    this.#isPastKnown = isPastKnown || from !== null;
    this.#reportedTurn = reportedTurn;
    this.#files = files;
    this.#sessionId = sessionId;
    this.#from = from;
    this.#tail = new FileTail(file.path);
    this.#events = new RolloutEvents(sessionId);
  }

  /** A turn has begun and not ended, as far as the file was read. */
  get isBusy(): boolean {
    return this.#parser.open !== null;
  }

  /**
   * What was appended, up to about a megabyte; first what the thread's past brings. A file that was cut or replaced
   * is read again: what it reports has the ids and keys that it had.
   *
   * @throws TailError when the path is no regular file
   */
  async read(): Promise<RolloutBatch> {
    this.#past ??= await pastOf(this.file, this.#files);
    if (this.#past.length > 0) return await this.#readPast(this.#past);
    await this.#replay();
    const before = this.#parser.junk;
    const { lines, position, restarted, skipped, more } = await this.#tail.read();
    if (restarted !== null) this.#begin();
    const reports = this.#parse(this.#parser, lines);
    const isNew = reports.length > 0 || lines.length > 0 || skipped.length > 0;
    const tail = position === null || !isNew ? null : { path: this.file.path, ...position };
    const fresh = this.#skipReported(reports);
    // While all is reported the position waits: it is stored with the first news.
    const hasEvents = isNew && this.#reportedTurn === null;
    const news = hasEvents ? this.#events.take(fresh, tail) : [];
    return {
      news,
      position,
      skipped,
      junk: this.#parser.junk - Math.min(before, this.#parser.junk),
      limits: this.#limits,
      more,
    };
  }

  async #readPast(past: Part[]): Promise<RolloutBatch> {
    const [{ file, until }] = past as [Part];
    this.#pastTail ??= new FileTail(file.path);
    const { lines, skipped, more } = await this.#pastTail.read(until);
    const reports = this.#parse(this.#pastParser, lines);
    const isForeign = file.threadId !== this.file.threadId;
    const fresh = this.#skipReported(isForeign ? reports.map(withoutClient) : reports);
    const isKnown = this.#isPastKnown;
    if (isKnown) this.#events.passOver(fresh);
    const news = isKnown ? [] : this.#events.take(fresh, null);
    if (!more) {
      past.shift();
      this.#pastTail = null;
      this.#pastParser = new RolloutParser();
    }
    return { news, position: null, skipped, junk: 0, limits: [], more: true };
  }

  /** Feeds the lines before the stored position; where it is not of this file any more all is reported again. */
  async #replay(): Promise<void> {
    const from = this.#from;
    if (from === null) return;
    let batch: Awaited<ReturnType<FileTail['read']>>;
    do {
      batch = await this.#tail.read(from.offset);
      const reports = this.#parse(this.#parser, batch.lines);
      this.#events.passOver(this.#skipReported(reports));
    } while (batch.more);
    const { position } = batch;
    if (position === null) return;
    this.#from = null;
    const isSame = position.offset === from.offset && position.mark === from.mark;
    if (isSame && position.file === from.file) return;
    this.#tail.rewind();
    this.#begin();
  }

  /** What is left of these reports from the reported turn on. */
  #skipReported(reports: RolloutReport[]): RolloutReport[] {
    const reported = this.#reportedTurn;
    if (reported === null) return reports;
    const at = reports.findIndex(({ what, turn }) => what === 'turn.started' && turn === reported);
    this.#events.passOver(at === -1 ? reports : reports.slice(0, at));
    if (at === -1) return [];
    this.#reportedTurn = null;
    return reports.slice(at);
  }

  #begin(): void {
    this.#parser = new RolloutParser();
    this.#events = new RolloutEvents(this.#sessionId);
  }

  #parse(parser: RolloutParser, lines: readonly string[]): RolloutReport[] {
    const all = lines.flatMap((line) => parser.line(line));
    const limits = all.findLast((report) => report.what === 'limits');
    // They are the account's, and no news of the thread.
    if (limits) this.#limits = limitsFrom(limits.limits, limits.stamp);
    const reports = all.filter(({ what }) => what !== 'limits');
    for (const { turn, what } of reports) {
      if (what === 'turn.started' && turn !== null && this.turns.at(-1) !== turn)
        this.turns.push(turn);
    }
    return reports;
  }
}

/** Words of the thread that this one was forked from: the id that its client gave them names a message of that session. */
function withoutClient(report: RolloutReport): RolloutReport {
  if (report.what !== 'item' || report.item.type !== 'userMessage') return report;
  return { ...report, item: { ...report.item, clientId: null } };
}

/** The files that stand before this one in the thread's history, the oldest first. */
export async function pastOf(
  file: RolloutFile,
  files: Pick<RolloutFiles, 'byId'>,
): Promise<Part[]> {
  const parts: Part[] = [];
  let base = (await firstLineOf(file))?.base ?? null;
  while (base !== null && parts.length < MAX_PARTS) {
    const before = files.byId(base.id);
    if (before === null || before.path === file.path) break;
    if (parts.some((part) => part.file.path === before.path)) break;
    if ((await lookAt(before)) === null) break;
    parts.unshift({ file: before, until: base.endOffset });
    base = (await firstLineOf(before))?.base ?? null;
  }
  return parts;
}

/** The turns of a thread whose newest file is this one, and the last words of the model in it. */
export async function turnsIn(
  file: RolloutFile,
  files: Pick<RolloutFiles, 'byId'>,
): Promise<{ turns: string[]; lastWords: string | null }> {
  const turns: string[] = [];
  let lastWords: string | null = null;
  const parts = [...(await pastOf(file, files)), { file, until: Number.POSITIVE_INFINITY }];
  for (const { file: part, until } of parts) {
    const [tail, parser] = [new FileTail(part.path), new RolloutParser()];
    let more = true;
    while (more) {
      const batch = await tail.read(until);
      more = batch.more;
      for (const report of batch.lines.flatMap((line) => parser.line(line))) {
        if (report.what === 'turn.started' && report.turn !== null) turns.push(report.turn);
        const item = report.what === 'item' ? report.item : null;
        if (item?.type === 'agentMessage') lastWords = item.text;
      }
    }
  }
  return { turns, lastWords };
}
