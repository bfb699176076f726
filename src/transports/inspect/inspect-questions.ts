/**
 * What a page may ask, checked and passed on. One entry for each request of protocol/inspect.ts: a new one
 * does not compile without its check and its answer.
 */
import { OrbitError } from '../../errors.ts';
import type { InspectRequests } from '../../protocol/inspect.ts';
import type { Inspection } from '../../runtime/inspection/inspection.ts';
import { STATELY_PATH, type Tickets } from './tickets.ts';

type Name = keyof InspectRequests;

/** The answer of a request without its `ok`. */
type Result<N extends Name> = Omit<Extract<InspectRequests[N][1], { ok: true }>, 'ok'>;

/** A question about the charts, with its answer's way. */
type Question<N extends Name> = (request: InspectRequests[N][0]) => Promise<Result<N>>;

/** All questions; `watch`, `unwatch` and `send` belong to a socket. */
export type Questions = { [N in Name]: Question<N> };

/** Longest event of a dry run, characters of JSON. */
const MAX_EVENT_CHARS = 64 * 1024;

const ID = /^[\w.:-]{1,128}$/;

/** The questions that need no socket. */
export function createQuestions(deps: {
  inspection: Inspection;
  tickets: Tickets;
  pages: () => number;
  statelyCount: () => number;
}): Omit<Questions, 'watch' | 'unwatch' | 'send'> {
  const { inspection, tickets } = deps;
  return {
    history: ({ session, beforeSeq, limit }) =>
      inspection.history(session, beforeSeq ?? null, limit),
    at: ({ session, seq }) => inspection.at(session, seq),
    why: ({ session, state, seq }) => inspection.why(session, state, seq ?? null),
    next: ({ session, seq }) => inspection.next(session, seq ?? null),
    child: ({ session, child, seq }) => inspection.child(session, child, seq ?? null),
    dryRun: ({ session, seq, event }) => inspection.dryRun(session, seq ?? null, event),
    export: ({ session }) => inspection.bundle(session),
    chart: async ({ machine, format }) => inspection.chart(machine, format),
    stats: async () => inspection.stats({ pages: deps.pages(), stately: deps.statelyCount() }),
    ticket: async ({ session }) => {
      const of = session === undefined ? '' : `session=${encodeURIComponent(session)}&`;
      return { path: `${STATELY_PATH}?${of}ticket=${tickets.issue()}` };
    },
  };
}

type Check = (value: unknown) => boolean;

const isId: Check = (value) => typeof value === 'string' && ID.test(value);
const isSeq: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isLimit: Check = (value) => isSeq(value) && (value as number) >= 1;
const isEvent: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { type?: unknown }).type === 'string' &&
  JSON.stringify(value).length <= MAX_EVENT_CHARS;
const isFormat: Check = (value) => ['mermaid', 'scxml', 'json'].includes(value as string);

/** Fields of each request; a name with `?` may be missing or null. */
const FIELDS: { [N in Name]: Record<string, Check> } = {
  watch: { session: isId, 'sinceSeq?': isSeq },
  unwatch: { session: isId },
  history: { session: isId, 'beforeSeq?': isSeq, 'limit?': isLimit },
  at: { session: isId, seq: isSeq },
  why: { session: isId, state: isId, 'seq?': isSeq },
  next: { session: isId, 'seq?': isSeq },
  child: { session: isId, child: isId, 'seq?': isSeq },
  dryRun: { session: isId, 'seq?': isSeq, event: isEvent },
  send: { session: isId, event: isEvent },
  export: { session: isId },
  chart: { machine: isId, format: isFormat },
  stats: {},
  ticket: { 'session?': isId },
};

/**
 * The known fields of a request, checked.
 *
 * @throws OrbitError `bad_request` that names the field
 */
export function checkRequest<N extends Name>(name: N, request: unknown): InspectRequests[N][0] {
  const given = (typeof request === 'object' && request !== null ? request : {}) as {
    [field: string]: unknown;
  };
  const checked: Record<string, unknown> = {};
  for (const [label, isGood] of Object.entries(FIELDS[name])) {
    const field = label.replace('?', '');
    const value = given[field] ?? undefined;
    if (value === undefined && label.endsWith('?')) continue;
    if (!isGood(value)) {
      throw new OrbitError('bad_request', { reason: `${name}: field ${field} is not valid` });
    }
    checked[field] = value;
  }
  return checked as InspectRequests[N][0];
}
