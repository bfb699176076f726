/**
 * What belongs into Claude Code's settings, and how it gets in without touching what others put there.
 * Pure: an object in, the same object changed. Ours is an entry that runs our own hook.sh, by its
 * absolute path; everything else is somebody else's.
 */

/** Settings as parsed: unknown keys stay where and what they are. */
export type Settings = Record<string, unknown>;

interface HookEntry extends Record<string, unknown> {
  type?: unknown;
  command?: unknown;
  async?: unknown;
}

interface HookGroup extends Record<string, unknown> {
  hooks: HookEntry[];
}

interface Registration {
  type: string;
  /** Claude Code need not wait; the others detach by themselves, for async ones are lost at its exit. */
  isAsync: boolean;
}

const session = 'claude_session_start';
const status = 'claude_status_event';
const tool = 'claude_tool_event';
const subagent = 'claude_subagent_event';

/**
 * Events we listen to. Sync ones mark a beginning or an end that must not get lost; hook.sh returns at
 * once for them too. Never here: `WorktreeCreate` (it would replace the creation of worktrees) and
 * `MessageDisplay` (fires per piece of text), nor names that a version in wide use does not know:
 * 2.1.197 stops every interactive start with a "Settings Warning" dialog over `PostModelSwitch`, though
 * print mode and other versions just skip it.
 */
export const HOOK_EVENTS: ReadonlyMap<string, Registration> = new Map([
  ['SessionStart', { type: session, isAsync: false }],
  ['SessionEnd', { type: 'claude_session_end', isAsync: false }],
  ['UserPromptSubmit', { type: status, isAsync: false }],
  ['Stop', { type: status, isAsync: false }],
  ['StopFailure', { type: status, isAsync: false }],
  ['Notification', { type: status, isAsync: true }],
  ['PreCompact', { type: status, isAsync: false }],
  ['PostCompact', { type: status, isAsync: false }],
  ['PreToolUse', { type: tool, isAsync: true }],
  ['PostToolUse', { type: tool, isAsync: true }],
  ['PostToolUseFailure', { type: tool, isAsync: true }],
  // The only word about calls that were refused before they ran; it names no single tool.
  ['PostToolBatch', { type: status, isAsync: true }],
  ['PermissionRequest', { type: tool, isAsync: false }],
  ['PermissionDenied', { type: tool, isAsync: true }],
  ['SubagentStart', { type: subagent, isAsync: true }],
  ['SubagentStop', { type: subagent, isAsync: true }],
  ['CwdChanged', { type: status, isAsync: true }],
  ['Elicitation', { type: status, isAsync: true }],
  ['ElicitationResult', { type: status, isAsync: true }],
]);

/** Events whose registration was added or brought up to date. */
export interface HookChanges {
  added: string[];
  updated: string[];
}

/** What keeps us from touching settings of this shape, as a clause; null when nothing does. */
export function shapeFault(settings: unknown): string | null {
  if (!isRecord(settings)) return 'it does not hold a JSON object';
  if (settings.hooks === undefined) return null;
  if (!isRecord(settings.hooks)) return '`hooks` is not an object';
  for (const [event, groups] of Object.entries(settings.hooks)) {
    if (!Array.isArray(groups)) return `\`hooks.${event}\` is not a list`;
    const wrong = groups.findIndex((group) => !isRecord(group) || !isEntryList(group.hooks));
    if (wrong >= 0) return `\`hooks.${event}[${wrong}]\` has no list of \`hooks\` in it`;
  }
  return null;
}

/**
 * Registers our events. Entries of ours are corrected in place; a second one of the same event goes.
 *
 * @param settings  of a good shape (see `shapeFault`); changed in place, other keys keep their order
 * @param script  absolute path of hook.sh
 */
export function mergeHooks(settings: Settings, script: string): HookChanges {
  const changes: HookChanges = { added: [], updated: [] };
  settings.hooks ??= {};
  const hooks = settings.hooks as Record<string, HookGroup[]>;
  for (const [event, { type, isAsync }] of HOOK_EVENTS) {
    hooks[event] ??= [];
    const groups = hooks[event];
    const [own, ...doubles] = groups.flatMap((group) =>
      group.hooks.filter((entry) => isOwn(entry, script)),
    );
    const command = `${shellQuote(script)} ${type}`;
    if (own === undefined) {
      const entry: HookEntry = { type: 'command', command, ...(isAsync && { async: true }) };
      groups.push({ hooks: [entry] });
      changes.added.push(event);
    } else if (correct(own, command, isAsync) || doubles.length > 0) {
      hooks[event] = without(groups, doubles);
      changes.updated.push(event);
    }
  }
  return changes;
}

/**
 * Takes our entries away, wherever they are registered; groups and events that hold nothing then go too.
 *
 * @returns the events that had one
 */
export function removeHooks(settings: Settings, script: string): string[] {
  const removed: string[] = [];
  const hooks = (settings.hooks ?? {}) as Record<string, HookGroup[]>;
  for (const [event, groups] of Object.entries(hooks)) {
    const own = groups.flatMap((group) => group.hooks.filter((entry) => isOwn(entry, script)));
    if (own.length === 0) continue;
    removed.push(event);
    hooks[event] = without(groups, own);
    if (hooks[event].length === 0) delete hooks[event];
  }
  if (removed.length > 0 && Object.keys(hooks).length === 0) delete settings.hooks;
  return removed;
}

/** True when every event we listen to has an entry that runs this script. */
export function hasAllHooks(settings: Settings, script: string): boolean {
  const { added, updated } = mergeHooks(structuredClone(settings), script);
  return added.length + updated.length === 0;
}

/** Quotes for a POSIX shell; a plain path stays as it is, so that it reads as people wrote it. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function isOwn(entry: HookEntry, script: string): boolean {
  const { type, command } = entry;
  if (type !== 'command' || typeof command !== 'string') return false;
  const bare = command.replace(/ claude_[a-z_]+$/, '');
  // Our own spelling, and the unquoted one the reference wrote.
  return bare === shellQuote(script) || bare === script || bare === `"${script}"`;
}

function correct(entry: HookEntry, command: string, isAsync: boolean): boolean {
  if (entry.command === command && (entry.async === true) === isAsync) return false;
  entry.command = command;
  if (isAsync) entry.async = true;
  else delete entry.async;
  return true;
}

function without(groups: HookGroup[], entries: HookEntry[]): HookGroup[] {
  if (entries.length === 0) return groups;
  for (const group of groups) group.hooks = group.hooks.filter((entry) => !entries.includes(entry));
  return groups.filter((group) => group.hooks.length > 0);
}

function isEntryList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isRecord);
}

/** Whether a value is an object with keys, not a list and not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
