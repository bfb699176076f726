/**
 * What a transcript says beside the conversation: what the model read and wrote, each of its answers counted once, and
 * what a person cut off or refused.
 */

import type { TokenUsage } from '../../protocol/nouns.ts';
import type { Tokens, TranscriptEvent, TranscriptReport } from '../reports.ts';
import { saysByRule } from './hooks/tools.ts';
import { forgetOldest } from './message-ids.ts';

type ReportOf<What extends TranscriptReport['what']> = Extract<TranscriptReport, { what: What }>;

/** Answers whose figures may still change: their lines stand close together. */
const MAX_ANSWERS = 64;
/** Tokens that a model reads at most: the transcript does not say it. */
const WINDOWS = [200_000, 1_000_000] as const;
const NOTHING: Tokens = {
  ...{ input: 0, output: 0, cacheRead: 0, cacheCreation: 0, thinking: 0, context: 0 },
};

/** Counts the answers of one file. */
export class TranscriptUsage {
  readonly #answers = new Map<string, Tokens>();
  #total = NOTHING;
  /** What the newest answer read. */
  #newest = NOTHING;
  #usd: number | null = null;

  /** The newest figures of an answer take the place of those that its earlier lines gave. */
  count({ answer, tokens }: ReportOf<'tokens'>): TokenUsage {
    const before = this.#answers.get(answer) ?? NOTHING;
    this.#answers.delete(answer);
    this.#answers.set(answer, tokens);
    forgetOldest(this.#answers, MAX_ANSWERS);
    const total = { ...this.#total };
    for (const name of ['input', 'output', 'cacheRead', 'cacheCreation', 'thinking'] as const) {
      total[name] += tokens[name] - before[name];
    }
    this.#total = total;
    this.#newest = tokens;
    return this.#usage();
  }

  /** The conversation became its summary: that is what fills the context until the next answer. */
  compact({ after }: ReportOf<'compacted'>): TokenUsage {
    if (after !== null) this.#newest = { ...NOTHING, input: after, context: after };
    return this.#usage();
  }

  /** What the CLI says that the session has cost, with its subagents. */
  pay({ usd }: ReportOf<'cost'>): TokenUsage {
    this.#usd = usd;
    return this.#usage();
  }

  #usage(): TokenUsage {
    const { input, cacheRead, cacheCreation, context } = this.#newest;
    return {
      input_tokens: input,
      output_tokens: this.#total.output,
      cached_tokens: cacheRead + cacheCreation,
      context_window: WINDOWS.find((size) => context <= size) ?? context,
      context_tokens: context,
      total_input_tokens: this.#total.input,
      cache_read_tokens: this.#total.cacheRead,
      cache_write_tokens: this.#total.cacheCreation,
      ...(this.#usd !== null && { cost_usd: this.#usd }),
    };
  }
}

/** What only the transcript reports of a session that has no registry: what a person cut off or refused. */
export function asideOf(report: TranscriptReport): TranscriptEvent | null {
  const { stamp, key, agent } = report;
  if (report.what === 'interrupted' && agent === null) {
    const event: TranscriptEvent['event'] = ({ at }) => ({
      type: 'interruption.seen',
      at,
      witness: 'transcript',
    });
    return { stamp, key, event };
  }
  if (report.what === 'hook.words' && agent === null) {
    const { text } = report;
    const event: TranscriptEvent['event'] = ({ at }) => ({
      type: 'words.seen',
      at,
      witness: 'transcript',
      text,
    });
    return { stamp, key, event };
  }
  if (report.what !== 'tool.ended') return null;
  const { tool: toolUseId, decidedBy } = report;
  const decision = decisionOf(report);
  if (decision === null) return null;
  const event: TranscriptEvent['event'] = ({ at }) => ({
    type: 'decision.seen',
    at,
    witness: 'transcript',
    toolUseId,
    decision,
    by: decidedBy ?? 'unknown',
  });
  return { stamp, key, event };
}

/** The word for how a tool use was decided; null where it ran and no person is reported to have allowed it. */
function decisionOf({ outcome, decidedBy, text }: ReportOf<'tool.ended'>) {
  if (outcome === 'refused') {
    const isByRule = decidedBy === 'config' || (decidedBy === 'rule' && saysByRule(text));
    return isByRule ? 'refused_by_rule' : 'denied';
  }
  if (outcome !== 'done' && outcome !== 'failed') return null;
  const isByPerson = decidedBy === 'person' || decidedBy?.startsWith('user_') === true;
  return isByPerson ? 'approved' : null;
}
