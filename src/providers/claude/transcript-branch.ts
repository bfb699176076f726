/**
 * The conversation of a subagent, read from its own transcript when a client asks for it. What was read is kept for
 * the next question, which then costs what was written since.
 */
import { join } from 'node:path';
import { systemCodeOf } from '../../exit.ts';
import type { Message, TokenUsage } from '../../protocol/nouns.ts';
import type { SubagentBranch } from '../provider.ts';
import { isSafeId, type KeepImage } from '../reports.ts';
import { TailError } from '../shared/lines.ts';
import { allowedTranscript } from './homes.ts';
import { TranscriptMessages } from './transcript-messages.ts';
import { TranscriptReader } from './transcript-reader.ts';

/** Subagents whose conversation is kept; the one asked for longest ago gives way. */
const MAX_KEPT = 4;
/** Messages of one subagent that are kept; the oldest give way. */
const MAX_MESSAGES = 10_000;

/** Reads the branches of all sessions. */
export class TranscriptBranches {
  readonly #homes: readonly string[];
  readonly #kept = new Map<string, OpenBranch>();

  /** @param homes  Claude homes; nothing outside their `projects` is read */
  constructor(homes: readonly string[]) {
    this.#homes = homes;
  }

  /**
   * All that a subagent did and said, or why it is not to be had.
   *
   * @param transcript  of its session, as a hook named it; null when none did
   */
  async read(
    { transcript, sessionId, agent }: Asked,
    keep: KeepImage,
  ): Promise<SubagentBranch | { unavailable: string }> {
    if (transcript === null) return { unavailable: 'no transcript of its session is known' };
    if (!isSafeId(agent)) return { unavailable: 'its id names no file' };
    const folder = transcript.replace(/\.jsonl$/, '');
    const named = join(folder, 'subagents', `agent-${agent}.jsonl`);
    const path = await allowedTranscript(this.#homes, named);
    if (path === null) return { unavailable: 'it has no transcript in the homes of Claude' };
    const branch = this.#kept.get(path) ?? new OpenBranch(path, sessionId, agent);
    this.#kept.delete(path);
    this.#kept.set(path, branch);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
    }
    try {
      return await branch.read(keep);
    } catch (error) {
      this.#kept.delete(path);
      const code = systemCodeOf(error);
      if (code === null && !(error instanceof TailError)) throw error;
      return {
        unavailable: code === null ? 'it is no regular file' : `it cannot be read (${code})`,
      };
    }
  }
}

/** Whose branch is asked for. */
export interface Asked {
  transcript: string | null;
  sessionId: string;
  agent: string;
}

/** One subagent's file, as far as it was read. */
class OpenBranch {
  readonly #sessionId: string;
  readonly #agent: string;
  readonly #reader: TranscriptReader;
  #contents: TranscriptMessages;
  #messages = new Map<string, Message>();
  #usage: TokenUsage | null = null;
  /** Reading must not overlap. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(path: string, sessionId: string, agent: string) {
    this.#sessionId = sessionId;
    this.#agent = agent;
    this.#reader = new TranscriptReader(path, sessionId, agent);
    this.#contents = new TranscriptMessages(sessionId, agent);
  }

  async read(keep: KeepImage): Promise<SubagentBranch> {
    const before = this.#reading;
    const reading = before.then(
      () => this.#readOn(keep),
      () => this.#readOn(keep),
    );
    this.#reading = reading;
    await reading;
    return { messages: [...this.#messages.values()], usage: this.#usage };
  }

  async #readOn(keep: KeepImage): Promise<void> {
    for (;;) {
      const batch = await this.#reader.read();
      if (batch.restarted !== null) {
        this.#contents = new TranscriptMessages(this.#sessionId, this.#agent);
        this.#messages.clear();
        this.#usage = null;
      }
      const piece = this.#contents.take(batch.reports);
      for (const id of piece?.dropped.messages ?? []) this.#messages.delete(id);
      for (const make of piece?.messages ?? []) {
        const message = make(keep);
        this.#messages.set(message.id, message);
      }
      for (const oldest of this.#messages.keys()) {
        if (this.#messages.size <= MAX_MESSAGES) break;
        this.#messages.delete(oldest);
      }
      this.#usage = piece?.usage ?? this.#usage;
      if (!batch.more) return;
    }
  }
}
