/**
 * Which report may change what: every comparison of stamps is here.
 *
 * The rule of time: stamps come from the server's own clock, which never goes back; a step of a wall
 * clock, of the server or of a hook, shifts no stamp (src/runtime/clock.ts). A report about one thing (a
 * prompt, a tool use, a request, an agent) is late when it is older than what settled that thing or
 * everything before it; equal stamps are not late, because a clock of seconds keeps the order of arrival.
 * A report about the whole session (`busy`, `idle`) counts only when it is newer than every report about
 * a part, so that an old `busy` after a Stop opens nothing; one that was only a moment older counts too when
 * it has stood unchanged for a while. A late report still brings its content.
 */
import type {
  FinishedTool,
  OpenApproval,
  SessionContext,
  Stamp,
  ToolUse,
  Turn,
  Witness,
} from './session-types.ts';

/** The later of two moments. */
export function later(one: Stamp, other: Stamp): Stamp {
  return one < other ? other : one;
}

/** Everything at that moment is already over: such a report brings content and nothing else. */
export function isLate(context: SessionContext, at: Stamp): boolean {
  return at < context.turn.settledAt;
}

/** Late for the main thread: a newer prompt or an idle terminal ended what was before. */
export function isLateOnMain(context: SessionContext, at: Stamp): boolean {
  return isLate(context, at) || at < context.turn.clearedAt;
}

/** A report of that moment can still say that its thread runs. */
export function mayRun(context: SessionContext, agentId: string | null, at: Stamp): boolean {
  if (agentId === null) return !isLateOnMain(context, at);
  return context.agents.some((agent) => agent.id === agentId) || !isLate(context, at);
}

/** This agent was reported over since that moment. */
export function isAgentOver({ finished }: SessionContext, id: string, at: Stamp): boolean {
  return finished.some((over) => over.toolUseId === agentKey(id) && over.at >= at);
}

/** The key of an agent among the finished tool uses. */
export function agentKey(id: string): string {
  return `agent:${id}`;
}

/** An end of that moment covers the open turn: it began before, and nothing was reported of it since. */
export function covers({ startedAt, seenAt }: Turn, at: Stamp): boolean {
  return startedAt <= at && seenAt <= at;
}

/** An end of that moment ended the turn, but a newer sign of life belongs to the next one. */
export function isOvertaken({ startedAt, seenAt }: Turn, at: Stamp): boolean {
  return startedAt <= at && seenAt > at;
}

/** Two moments are at most that many microseconds apart, and of the same day. */
function isWithin(one: Stamp, other: Stamp, us: number): boolean {
  return one.slice(0, 11) === other.slice(0, 11) && Math.abs(ofDay(one) - ofDay(other)) <= us;
}

/** Microseconds since midnight. */
function ofDay(at: Stamp): number {
  const [hours, minutes, seconds] = [at.slice(11, 13), at.slice(14, 16), at.slice(17, 19)];
  const second = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return second * 1_000_000 + Number(at.slice(20, 26));
}

/** Two registrations of the hooks report one prompt within this time; no person writes the same twice in it. */
const SAME_PROMPT_US = 250_000;

/** The turn has just begun and nothing else was reported of it. */
export function hasJustBegun({ startedAt, seenAt }: Turn, at: Stamp): boolean {
  return seenAt === startedAt && isWithin(startedAt, at, SAME_PROMPT_US);
}

/** The prompt was overtaken by reports of its own turn, which is open already. */
export function beganBefore({ startedAt }: Turn, at: Stamp): boolean {
  return at < startedAt;
}

/** A start of the process says something new: nothing newer is known of the session. */
export function isNewStart({ turn }: SessionContext, at: Stamp): boolean {
  return at >= turn.settledAt && at >= turn.startedAt;
}

/** A hook takes its stamp up to so long after what it reports. */
const HOOK_LAG_US = 1_000_000;

/** What has stood unchanged for so long beside everything else that was reported is so. */
const STEADY_US = 4_000_000;

/** A change between two commands (`/clear`) shows as work for a moment. */
const BRIEF_US = 700_000;

/** A word about the whole session, as it is compared. */
interface Word {
  witness: Witness;
  at: Stamp;
  since?: Stamp;
}

/**
 * A report about the whole session is newer than every report about a part of it; or those are newer by no
 * more than a hook may lag, and a check long after them has found it unchanged.
 */
export function outranks({ newestAt }: SessionContext, { witness, at, since = at }: Word): boolean {
  if (since > newestAt) return true;
  // What the process itself shows is believed before a hook of the same moment.
  if (since === newestAt && witness === 'process') return true;
  const isSteady = at > newestAt && !isWithin(newestAt, at, STEADY_US);
  return isSteady && isWithin(since, newestAt, HOOK_LAG_US);
}

/**
 * Up to when a report is valid. A check that finds a word about the whole session unchanged knows nothing newer than the
 * reports that it is weighed against: what hooks report later of the time between them and the check is new.
 */
export function reachOf({ newestAt }: SessionContext, event: { at: Stamp; since?: Stamp }): Stamp {
  if (event.since === undefined) return event.at;
  const reach = later(event.since, newestAt);
  return reach < event.at ? reach : event.at;
}

/** A later check has found it unchanged: it is more than a moment between two things. */
export function hasStood({ at, since = at }: Omit<Word, 'witness'>): boolean {
  return at > since && !isWithin(since, at, BRIEF_US);
}

/** What is so since that moment began after the end of the session. */
export function beganAfterEnd({ turn }: SessionContext, { at, since = at }: Omit<Word, 'witness'>) {
  return since > turn.settledAt;
}

/** A report is newer than the end of the session. */
export function isAfterEnd({ turn }: SessionContext, at: Stamp): boolean {
  return at > turn.settledAt;
}

/** What was open at that moment: it began then or before. */
export function isOpenAt(thing: { at: Stamp }, at: Stamp): boolean {
  return thing.at <= at;
}

/** A request was made before this tool use began. */
export function wasAskedBefore(request: { at: Stamp }, tool: { at: Stamp } | undefined): boolean {
  return tool !== undefined && request.at < tool.at;
}

/** The order in which things were asked, whatever the order in which they were reported. */
export function byAge(one: { at: Stamp }, other: { at: Stamp }): number {
  if (one.at === other.at) return 0;
  return one.at < other.at ? -1 : 1;
}

/** A bare notification says something new: nothing was answered or finished since. */
export function isNewNotice(context: SessionContext, at: Stamp): boolean {
  return context.answeredAt < at && context.finished.every((tool) => tool.at < at);
}

/** A sign of life of an agent that is not newer than that moment. */
export function isQuietSince({ seenAt }: { seenAt: Stamp }, at: Stamp): boolean {
  return seenAt <= at;
}

/** The newest unfinished use of that tool with that input that no open request is tied to yet. */
export function findAsker(
  context: SessionContext,
  open: readonly OpenApproval[],
  asks: NonNullable<OpenApproval['tool']>,
): ToolUse | null {
  const tied = new Set(open.map((approval) => approval.toolUseId));
  return (
    context.tools.findLast((tool) => isSameUse(asks, tool) && !tied.has(tool.toolUseId)) ?? null
  );
}

/** True for a request that arrives after the report that its tool use is over. */
export function wasFinishedAfter(
  context: SessionContext,
  asks: NonNullable<OpenApproval['tool']>,
  at: Stamp,
  asker: ToolUse | null,
): boolean {
  if (asker !== null) return false;
  return context.finished.some((tool: FinishedTool) => tool.at > at && isSameUse(asks, tool));
}

/** The same tool with the same input, asked for by the same thread. */
export function isSameUse(
  one: { agentId: string | null; name: string; digest: string },
  other: { agentId: string | null; name: string; digest: string },
): boolean {
  return one.agentId === other.agentId && one.name === other.name && one.digest === other.digest;
}
