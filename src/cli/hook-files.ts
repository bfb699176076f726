/**
 * The hook script and the two files it reads: `hook.conf` (where to send) and `hook-headers` (the
 * Authorization header, for curl). The script is the same text in every installation: values are read as data,
 * never written into shell code, so no URL or path can become a command.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { formatAddress, parseBind } from '../address.ts';
import { type ConfigSources, type DataPaths, DEFAULT_BIND } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { writeFileAtomically } from '../files.ts';
import { createHookSecret, readHookSecret, readTokenFile } from '../secrets.ts';

declare const __HOOK_SH__: string | undefined;

const DEFAULT_SERVER_URL = `http://${DEFAULT_BIND}`;

/** URL of a server on this machine; its group is the address to bind. */
export const LOCAL_URL = /^http:\/\/((?:127\.0\.0\.1|\[::1\]):\d+)$/;

/** Text of hook.sh: embedded by the build, read beside this file when run from the sources. */
export function hookScriptText(): string {
  if (typeof __HOOK_SH__ === 'string') return __HOOK_SH__;
  return readFileSync(new URL('./hook.sh', import.meta.url), 'utf8');
}

/**
 * Writes script, address and headers. Running it again changes nothing but what is out of date; a hook
 * that runs meanwhile sees the old files or the new ones.
 */
export function writeHookFiles(paths: DataPaths, serverUrl: string): void {
  writeFileAtomically(paths.hookConfig, `url=${serverUrl}\n`, { mode: 0o600 });
  writeHookHeaders(paths);
  writeHookSecret(paths);
  writeHookScript(paths);
}

/** Writes the script of this build; a hook that runs meanwhile goes on with the old one. */
export function writeHookScript(paths: DataPaths): void {
  writeFileAtomically(paths.hookScript, hookScriptText(), { mode: 0o700 });
}

/**
 * Makes the secret that hooks prove themselves with where there is no unix socket; one that is there stays,
 * also one that was copied from the server's machine.
 */
export function writeHookSecret(paths: DataPaths): void {
  if (readHookSecret(paths.hookSecret) !== null) return;
  writeFileAtomically(paths.hookSecret, createHookSecret(), { mode: 0o600 });
}

/** Brings the header file in line with the token file: written where there is a token, else removed. */
export function writeHookHeaders(paths: DataPaths): void {
  const token = readTokenFile(paths.token);
  if (token === null) rmSync(paths.hookHeaders, { force: true });
  else writeFileAtomically(paths.hookHeaders, headerLine(token), { mode: 0o600 });
}

/** Whether the installed hooks can pass a server that asks every caller for this token. */
export function hooksCarry(paths: DataPaths, token: string): boolean {
  try {
    return readFileSync(paths.hookHeaders, 'utf8') === headerLine(token);
  } catch {
    return false;
  }
}

const headerLine = (token: string): string => `Authorization: Bearer ${token}\n`;

/** True once `init` has been here. */
export function hasHookScript(paths: DataPaths): boolean {
  return existsSync(paths.hookScript);
}

/**
 * Where hooks shall be sent: what was asked for, else where the environment lets the server listen,
 * else what an earlier `init` wrote, else the default.
 *
 * @throws ExitError 64 when the argument is not an http(s) URL
 */
export function chooseServerUrl(
  url: string | undefined,
  paths: DataPaths,
  env: ConfigSources['env'],
): string {
  if (url !== undefined) return parseServerUrl(url);
  if (env.ORBITDOCK_BIND_ADDR) return urlOfServer(parseBind(env.ORBITDOCK_BIND_ADDR));
  return hookUrl(paths) ?? DEFAULT_SERVER_URL;
}

/** URL under which a server on this machine is reached; a wildcard listens on loopback as well. */
export function urlOfServer({ host, port }: { host: string; port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${formatAddress({ host: reachable, port })}`;
}

function parseServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && !/[?#\s]/.test(text);
  if (isPlain && url.username === '' && url.password === '') {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  }
  throw new ExitError(
    EXIT.usage,
    `--server-url ${JSON.stringify(text)} is not a URL such as ${DEFAULT_SERVER_URL}`,
  );
}

/** Where the installed hooks are sent; null before `init`. */
export function hookUrl(paths: DataPaths): string | null {
  if (!existsSync(paths.hookConfig)) return null;
  return /^url=(.+)$/m.exec(readFileSync(paths.hookConfig, 'utf8'))?.[1] ?? null;
}

/*
 * What belongs into Claude Code's settings, and how it gets in without touching what others put there.
 * Pure: an object in, the same object changed. Ours is an entry that runs our own hook.sh, by its
 * absolute path; everything else belongs to other tools.
 */

/** Settings as parsed: unknown keys stay where and what they are. */
export type Settings = Record<string, unknown>;

interface HookEntry extends Record<string, unknown> {
  type?: unknown;
  command?: unknown;
  async?: unknown;
  timeout?: unknown;
}

interface HookGroup extends Record<string, unknown> {
  hooks: HookEntry[];
}

interface Registration {
  type: string;
  /** Claude Code need not wait; the others detach by themselves, for async ones are lost at its exit. */
  isAsync: boolean;
  /**
   * What the hook may print: `wait` for an answer to the dialog that stays open beside it, or `words` of clients that
   * the agent goes on with.
   */
  prints?: 'wait' | 'words';
}

const session = 'claude_session_start';
const status = 'claude_status_event';
const tool = 'claude_tool_event';
const subagent = 'claude_subagent_event';

/**
 * Events we listen to. Sync ones mark a beginning or an end that must not get lost; hook.sh returns at
 * once for them too. Never here: `WorktreeCreate` (it would replace the creation of worktrees) and
 * `MessageDisplay` (fires per piece of text), nor names that a version in wide use does not know, because it stops
 * every interactive start with a "Settings Warning" dialog: 2.1.197 over `PostModelSwitch`, 2.1.112 over
 * `PostToolBatch`. What that one reports (calls that were refused) is in the transcript as soon.
 */
export const HOOK_EVENTS: ReadonlyMap<string, Registration> = new Map([
  ['SessionStart', { type: session, isAsync: false }],
  ['SessionEnd', { type: 'claude_session_end', isAsync: false }],
  ['UserPromptSubmit', { type: status, isAsync: false }],
  ['Stop', { type: status, isAsync: false, prints: 'words' }],
  ['StopFailure', { type: status, isAsync: false }],
  ['Notification', { type: status, isAsync: true }],
  ['PreCompact', { type: status, isAsync: false }],
  ['PostCompact', { type: status, isAsync: false }],
  ['PreToolUse', { type: tool, isAsync: true }],
  ['PostToolUse', { type: tool, isAsync: true }],
  ['PostToolUseFailure', { type: tool, isAsync: true }],
  ['PermissionRequest', { type: tool, isAsync: false, prints: 'wait' }],
  ['PermissionDenied', { type: tool, isAsync: true }],
  ['SubagentStart', { type: subagent, isAsync: true }],
  ['SubagentStop', { type: subagent, isAsync: true }],
  ['CwdChanged', { type: status, isAsync: true }],
  ['Elicitation', { type: status, isAsync: true }],
  ['ElicitationResult', { type: status, isAsync: true }],
]);

/**
 * Hooks of Codex that we listen to. It runs a hook before its own dialog and waits for it, so none of them waits for an
 * answer: hook.sh returns at once. Its user must trust each of them once.
 */
export const CODEX_HOOK_EVENTS: ReadonlyMap<string, Registration> = new Map(
  ['UserPromptSubmit', 'PreToolUse', 'PermissionRequest', 'PostToolUse', 'Interrupt', 'Stop'].map(
    (event) => [event, { type: '', isAsync: false }],
  ),
);

/** So long hook.sh may wait for an answer, seconds; it gives up a minute earlier by itself. */
const ANSWER_WITHIN_S = 86_400;

/** Events whose registration was added, brought up to date, or taken away because we register them no more. */
export interface HookChanges {
  added: string[];
  updated: string[];
  removed: string[];
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
 * Registers our events. Entries of ours are corrected in place; a second one of the same event goes, and so does one
 * of an event that is not ours any more.
 *
 * @param settings  of a good shape (see `shapeFault`); changed in place, other keys keep their order
 * @param script  absolute path of hook.sh
 * @param answers  whether hooks bring answers and words of clients into the terminal
 */
export function mergeHooks(
  settings: Settings,
  script: string,
  answers: boolean,
  events: ReadonlyMap<string, Registration> = HOOK_EVENTS,
): HookChanges {
  const changes: HookChanges = {
    ...{ added: [], updated: [] },
    removed: removeHooks(settings, script, (event) => !events.has(event)),
  };
  settings.hooks ??= {};
  const hooks = settings.hooks as Record<string, HookGroup[]>;
  for (const [event, registration] of events) {
    hooks[event] ??= [];
    const groups = hooks[event];
    const [own, ...doubles] = groups.flatMap((group) =>
      group.hooks.filter((entry) => isOwn(entry, script)),
    );
    const wanted = entryOf(registration, script, answers);
    if (own === undefined) {
      groups.push({ hooks: [{ type: 'command', ...wanted }] });
      changes.added.push(event);
    } else if (correct(own, wanted) || doubles.length > 0) {
      hooks[event] = without(groups, doubles);
      changes.updated.push(event);
    }
  }
  return changes;
}

/**
 * Takes our entries away, wherever they are registered; groups and events that hold nothing then go too.
 *
 * @param fits  of which events
 * @returns the events that had one
 */
export function removeHooks(
  settings: Settings,
  script: string,
  fits: (event: string) => boolean = () => true,
): string[] {
  const removed: string[] = [];
  const hooks = (settings.hooks ?? {}) as Record<string, HookGroup[]>;
  for (const [event, groups] of Object.entries(hooks)) {
    const own = groups.flatMap((group) => group.hooks.filter((entry) => isOwn(entry, script)));
    if (own.length === 0 || !fits(event)) continue;
    removed.push(event);
    hooks[event] = without(groups, own);
    if (hooks[event].length === 0) delete hooks[event];
  }
  if (removed.length > 0 && Object.keys(hooks).length === 0) delete settings.hooks;
  return removed;
}

/** Paths of other hook scripts of this program that the settings run, such as that of another data directory. */
export function otherCopies(settings: Settings, script: string): string[] {
  const groups = Object.values((settings.hooks ?? {}) as Record<string, HookGroup[]>).flat();
  const commands = groups.flatMap(({ hooks }) => hooks).filter((entry) => !isOwn(entry, script));
  const found = commands.flatMap(({ command }) => {
    const bare = typeof command === 'string' ? command.replace(/ claude_[a-z_]+( wait)?$/, '') : '';
    return bare !== command && /\/hook\.sh['"]?$/.test(bare)
      ? [bare.replace(/^['"]|['"]$/g, '')]
      : [];
  });
  return [...new Set(found)];
}

/** True when every event we listen to has an entry that runs this script, with or without answers. */
export function hasAllHooks(settings: Settings, script: string): boolean {
  return [true, false].some((answers) => {
    const { added, updated, removed } = mergeHooks(structuredClone(settings), script, answers);
    return added.length + updated.length + removed.length === 0;
  });
}

/** Quotes for a POSIX shell; a plain path stays as it is, so that it reads as people wrote it. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function isOwn(entry: HookEntry, script: string): boolean {
  const { type, command } = entry;
  if (type !== 'command' || typeof command !== 'string') return false;
  const bare = command.replace(/ claude_[a-z_]+( wait| words)?$/, '');
  // Our own spelling, and the unquoted one the reference wrote.
  return bare === shellQuote(script) || bare === script || bare === `"${script}"`;
}

/** What is ours in an entry; null: it is not there. */
type Wanted = { command: string; async?: true; timeout?: number };

function entryOf(
  { type, isAsync, prints }: Registration,
  script: string,
  answers: boolean,
): Wanted {
  const command = `${shellQuote(script)} ${type}`.trimEnd();
  if (answers && prints === 'wait') return { command: `${command} wait`, timeout: ANSWER_WITHIN_S };
  if (answers && prints === 'words') return { command: `${command} words` };
  return { command, ...(isAsync && { async: true as const }) };
}

/** A time limit that the user set for a hook that does not wait stays. */
function correct(entry: HookEntry, { command, async, timeout }: Wanted): boolean {
  const waited = / wait$/.test(String(entry.command));
  const limit = timeout ?? (waited ? undefined : entry.timeout);
  const isRight =
    entry.command === command &&
    (entry.async === true) === (async === true) &&
    entry.timeout === limit;
  if (isRight) return false;
  entry.command = command;
  if (async) entry.async = true;
  else delete entry.async;
  if (limit === undefined) delete entry.timeout;
  else entry.timeout = limit;
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
