/**
 * How messages of a Claude session are named, so that a hook and the transcript give the same message the same
 * id, whichever comes first. A prompt has an id of its own in both. A hook reports the last words of a turn without an
 * id: they are named by the prompt and what they say.
 */
import { hash } from 'node:crypto';
import type { TranscriptReport } from '../reports.ts';

/** Words of a person or of the model. */
export interface Words {
  session_id: string;
  /** The provider's id of the prompt that they are, or that they answer. */
  prompt_id: string;
  by: 'user' | 'assistant';
  content: string;
}

/** @param nth  the same words were said so many times before in answer to the same prompt */
export function idOfWords({ session_id, prompt_id, by, content }: Words, nth = 0): string {
  if (by === 'user') return `${session_id}:user:${prompt_id}`;
  const digest = hash('sha256', content.trim(), 'hex').slice(0, 16);
  return `${session_id}:assistant:${prompt_id}:${digest}${placeOf(nth)}`;
}

/** A compaction of the context, which hooks name by the prompt before it. @param nth  after the same prompt */
export function idOfCompaction(session_id: string, prompt_id: string, nth = 0): string {
  return `${session_id}:compaction:${prompt_id}${placeOf(nth)}`;
}

/** A line of a transcript that no hook reports, or a block of it. */
function idOfLine(session_id: string, uuid: string, part = ''): string {
  return part === '' ? `${session_id}:${uuid}` : `${session_id}:${uuid}:${part}`;
}

function placeOf(nth: number): string {
  return nth === 0 ? '' : `:${nth + 1}`;
}

/** Different ids of which it is remembered how often they were given. */
const MAX_GIVEN = 4096;

/**
 * The ids of the messages of one transcript. Is asked for every message from the start of the file, so
 * that the same lines get the same ids whenever they are read.
 */
export class TranscriptIds {
  readonly #sessionId: string;
  readonly #isBranch: boolean;
  readonly #given = new Map<string, number>();
  #prompt: string | null = null;

  /** @param isBranch  a subagent's file: no hook reports its words, so its lines name them */
  constructor(sessionId: string, isBranch: boolean) {
    this.#sessionId = sessionId;
    this.#isBranch = isBranch;
  }

  /** A line, and the place in it, as the parser numbers what a line contains. */
  ofLine({ key }: Pick<TranscriptReport, 'key'>): string {
    return idOfLine(this.#sessionId, key.split(':').slice(-2).join(':'));
  }

  /** A prompt has an id of its own; only the first words under it are the prompt. */
  ofPrompt(report: TranscriptReport, prompt_id: string | null): string {
    if (prompt_id === null || prompt_id === this.#prompt || this.#isBranch) {
      return this.ofLine(report);
    }
    this.#prompt = prompt_id;
    return idOfWords({ session_id: this.#sessionId, prompt_id, by: 'user', content: '' });
  }

  /** Whether the prompt of this id was reported: what comes under it later is no prompt. */
  hasPrompt(prompt_id: string | null): boolean {
    return prompt_id !== null && prompt_id === this.#prompt;
  }

  /** A command of the CLI, which becomes a prompt when the model answers to it. */
  ofCommand(report: TranscriptReport): string {
    const { turn } = report;
    if (turn === null || this.#isBranch) return this.ofLine(report);
    return idOfWords({ session_id: this.#sessionId, prompt_id: turn, by: 'user', content: '' });
  }

  /** Words of the model. */
  ofWords(report: TranscriptReport, content: string): string {
    const { turn } = report;
    if (turn === null || this.#isBranch) return this.ofLine(report);
    const words = {
      session_id: this.#sessionId,
      prompt_id: turn,
      by: 'assistant',
      content,
    } as const;
    return idOfWords(words, this.#count(idOfWords(words)));
  }

  ofCompaction(report: TranscriptReport): string {
    const { turn } = report;
    if (turn === null || this.#isBranch) return this.ofLine(report);
    return idOfCompaction(
      this.#sessionId,
      turn,
      this.#count(idOfCompaction(this.#sessionId, turn)),
    );
  }

  /** How often this id was given before. */
  #count(id: string): number {
    const nth = this.#given.get(id) ?? 0;
    this.#given.set(id, nth + 1);
    forgetOldest(this.#given, MAX_GIVEN);
    return nth;
  }
}

/** Keeps a map at a size: drops the entry that was added first. */
export function forgetOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
