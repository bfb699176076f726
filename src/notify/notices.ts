/**
 * What a session needs of a person, as a notification says it: an open request, or an end that went wrong. Texts are
 * those of the list, which hide secrets and are short.
 */
import { createHash } from 'node:crypto';
import { OrbitError } from '../errors.ts';
import { namesOfSession, waitingFor } from '../inspection/rows.ts';
import { wireTime } from '../protocol/encode.ts';
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { QuietHours } from '../store/notifications.ts';
import type { EventItem } from '../store/writer-messages.ts';
import { visibleText } from '../visible-text.ts';

/** Something a person is notified of once. */
export interface Need {
  /** `request:ID` or `failed:SESSION:TIME`. */
  readonly id: string;
  readonly sessionId: string;
  readonly kind: 'permission' | 'question' | 'failed';
  /** What the session is called. */
  readonly title: string;
  readonly project: string | null;
  /** What is asked or went wrong, up to 240 characters. */
  readonly text: string;
  /** Of the request; null where nothing is asked. */
  readonly requestId: string | null;
  /** It can be allowed or denied from here; else the person has to go where the session runs, or to the page. */
  readonly canAnswer: boolean;
  /** The text is all that is asked: nothing was cut, left out or taken together. */
  readonly isWhole: boolean;
  /** ISO 8601 UTC. */
  readonly since: string;
  /** Only a hint reports it; mostly the request itself follows in a moment. */
  readonly isHint: boolean;
}

/** What is sent: a need that is new or still waits after long, or one that is settled. */
export interface Notice {
  readonly state: 'open' | 'waiting_long' | 'settled';
  /** The same for everything about one need: up to 32 characters of base64url. */
  readonly tag: string;
  readonly need: Pick<Need, 'id' | 'sessionId'> & Partial<Need>;
}

/** A need's mark: it goes to push services, which must not read ids from it. */
export function tagOf(needId: string): string {
  return createHash('sha256').update(needId).digest('base64url').slice(0, 32);
}

/** Events after which a person has to look; those that the chart did not accept are none. */
const BAD_ENDS: Readonly<Record<string, string>> = {
  'turn.failed': 'The turn failed',
  'link.lost': 'The connection to the agent was lost',
  'link.failed': 'The agent could not be started',
};
const TYPE = /^\{"type":"([\w.]+)"/;

/** Open requests of a session that are not decided. */
export function requestsOf(live: LiveSession): Need[] {
  const { snapshot } = live.head;
  const { approvals } = snapshot.context;
  if (approvals.length === 0 || snapshot.hasTag('ended')) return [];
  const names = sessionOf(live);
  const isSteered = snapshot.hasTag('steered');
  return approvals
    .filter(({ sent }) => sent === undefined)
    .map(({ request, at, isBare }) => {
      const { text, tool, since } = waitingFor(request, wireTime(at));
      const isQuestion = request.type === 'question';
      const isHere = isSteered || request.answerable === true;
      return {
        ...names,
        id: `request:${request.id}`,
        kind: isQuestion ? ('question' as const) : ('permission' as const),
        text: visibleText(text || tool || 'It waits for you'),
        requestId: request.id,
        canAnswer: isHere && !isQuestion,
        isWhole: request.diff === null && request.command !== null && request.command === text,
        since,
        isHint: isBare,
      };
    });
}

/** The bad end that an event is; null for any other. */
export function failureOf(live: LiveSession, item: EventItem): Need | null {
  const type = item.accepted ? TYPE.exec(item.event)?.[1] : undefined;
  const words = type === undefined ? undefined : BAD_ENDS[type];
  if (words === undefined) return null;
  const about = {
    kind: 'failed' as const,
    text: words,
    requestId: null,
    canAnswer: false,
    isWhole: true,
    isHint: false,
  };
  return { ...sessionOf(live), ...about, id: `failed:${live.id}:${item.at}`, since: item.at };
}

/** Whether a bad end was taken care of: it works again, or it is over. */
export function isResolved({ head: { snapshot } }: LiveSession): boolean {
  return snapshot.hasTag('working') || snapshot.hasTag('ended');
}

function sessionOf(live: LiveSession) {
  const { name, title, project } = namesOfSession(live);
  return {
    sessionId: live.id,
    title: visibleText(title ?? name),
    project: project === null ? null : visibleText(project),
  };
}

/** Where a request is answered, as a sentence. */
export function whereToAnswer({ kind, canAnswer }: Partial<Need>): string | null {
  if (kind === undefined || kind === 'failed') return null;
  if (canAnswer) return 'Approve or deny it here or on the page';
  return kind === 'question' ? 'Open the session to answer' : 'Answer in the terminal it runs in';
}

/* Quiet hours as people write them, `22:00` to `07:00`, by the clock of the server's machine. */

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** @throws OrbitError `invalid_argument` for what is no time of the day, or no time at all between them */
export function hoursFrom(given: { from: string; to: string }): QuietHours {
  const hours = { from: minutesOf(given.from), to: minutesOf(given.to) };
  if (hours.from !== hours.to) return hours;
  const reason = 'Quiet hours begin and end at different times';
  throw new OrbitError('invalid_argument', { reason });
}

function minutesOf(text: string): number {
  const [, hours, minutes] = TIME.exec(text) ?? [];
  if (hours !== undefined) return Number(hours) * 60 + Number(minutes);
  const reason = `A time of the day is HH:MM from 00:00 to 23:59, not ${JSON.stringify(text)}`;
  throw new OrbitError('invalid_argument', { reason });
}

/** As people write them. */
export function hoursText({ from, to }: QuietHours): { from: string; to: string } {
  const text = (minutes: number) =>
    [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':');
  return { from: text(from), to: text(to) };
}

/** Whether notifications are held back at that time. */
export function isQuiet({ from, to }: QuietHours, at: Date): boolean {
  const now = at.getHours() * 60 + at.getMinutes();
  return from < to ? now >= from && now < to : now >= from || now < to;
}

export const longId = (id: string): string => `long:${id}`;
