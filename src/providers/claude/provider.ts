/** Claude Code as a provider: its sessions run in terminals and are watched. */
import type { Session, Stamp } from '../../../machines/session-types.ts';
import { wireTime } from '../../protocol/encode.ts';
import type { Hook } from '../../protocol/hook.ts';
import {
  BLANK_PROVIDER,
  type HookReading,
  type PastSessions,
  type PendingStart,
  type Provider,
} from '../provider.ts';
import type { TranscriptPort, WatchPort } from '../reports.ts';
import { answerOf } from './hooks/answers.ts';
import { eventFromHook, fieldsFrom, hookNameOf } from './hooks/events.ts';
import { readSubagentTools } from './hooks/subagent-tools.ts';
import { ownProcess } from './process.ts';
import { parseLogs } from './telemetry.ts';
import type { TranscriptBranches } from './transcript-branch.ts';

/** Where Claude Code keeps what is read of it. */
export interface ClaudeProviderDeps {
  /** Directories in which transcripts may be read. */
  transcriptRoots: readonly string[];
  /** Homes whose live registries are watched; none: nothing is read there. */
  homes: readonly string[];
}

/** Claude Code over its own files. */
export function createClaudeProvider({ transcriptRoots, homes }: ClaudeProviderDeps): Provider {
  return {
    ...BLANK_PROVIDER,
    id: 'claude',
    name: 'Claude Code',
    readHook,
    readTelemetry: (body) => parseLogs(body).reports,
    takesWords: true,
    subagentTools: (transcriptPath, id) => readSubagentTools(transcriptPath, id, transcriptRoots),
    subagentBranch: homes.length === 0 ? null : branchReader(homes),
    past: homes.length === 0 ? null : pastSessions(homes),
    watch: homes.length === 0 ? null : (port) => watchRegistries(homes, port),
    transcripts: homes.length === 0 ? null : (port) => followTranscripts(homes, port),
  };
}

/** Loaded when the watch begins: chokidar is no part of the way to the first answer. */
async function watchRegistries(homes: readonly string[], port: WatchPort) {
  const { RegistryWatch } = await import('./registry-watch.ts');
  const watch = new RegistryWatch({ ...port, homes });
  await watch.start();
  return watch;
}

/** Loaded when it is first needed. */
function branchReader(homes: readonly string[]): NonNullable<Provider['subagentBranch']> {
  const loading = { branches: null as Promise<TranscriptBranches> | null };
  const open = async () => {
    const { TranscriptBranches } = await import('./transcript-branch.ts');
    return new TranscriptBranches(homes);
  };
  return async (of, keep) => {
    loading.branches ??= open();
    return (await loading.branches).read(of, keep);
  };
}

/** Loaded at the first request for one. */
function pastSessions(homes: readonly string[]): PastSessions {
  return {
    list: async (options) => (await import('./past-sessions.ts')).listPast(homes, options),
    read: async (id, keep) => (await import('./past-sessions.ts')).readPast(homes, id, keep),
  };
}

async function followTranscripts(homes: readonly string[], port: TranscriptPort) {
  const { TranscriptWatch } = await import('./transcript-watch.ts');
  return new TranscriptWatch({ ...port, homes });
}

/* A hook of Claude Code as the runtime takes it: what it means, and the session that it reveals. */

/** Hooks whose process may wait for what it prints. */
const ANSWERED = new Set(['PermissionRequest', 'Stop']);

/** Null for a hook that Codex ran: it has the same form, and its session is reported by another source. */
function readHook(hook: Hook): HookReading | null {
  if (isFromCodex(hook)) return null;
  const name = hookNameOf(hook);
  const isStart = name === 'SessionStart';
  return {
    role: isStart ? 'start' : name === 'SessionEnd' ? 'end' : 'other',
    replaces: isStart && hook.source === 'clear',
    promptId: hook.prompt_id || undefined,
    answer: ANSWERED.has(name) ? (order) => answerOf(hook, order) : null,
    processOf: ownProcess,
    event: (receipt) => eventFromHook(hook, receipt),
    session: (at, pending, agentPid) => sessionFromHooks(hook, at, pending, agentPid),
  };
}

/* A Claude session as its first hooks describe it. */

/**
 * The session that a first event reveals. The project is where it started: a later `cwd` moves with
 * every `cd` and never names the project.
 */
export function sessionFromHooks(
  hook: Hook,
  at: Stamp,
  pending: PendingStart | null,
  reporterPid: number | null,
): Session {
  const start = pending?.hook;
  const projectPath = start?.cwd ?? hook.cwd ?? '/unknown';
  const agentPid = reporterPid ?? pending?.agentPid ?? null;
  const { agent_pid: _, ...fields } = { ...(start && fieldsFrom(start)), ...fieldsFrom(hook) };
  return {
    ...fields,
    id: hook.session_id,
    provider: 'claude',
    project_path: projectPath,
    project_name: projectPath.split('/').filter(Boolean).at(-1) ?? null,
    model: fields.model ?? null,
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 0 },
    started_at: wireTime(pending?.at ?? at),
    last_activity_at: wireTime(pending?.at ?? at),
    ...(start?.source && { source: start.source }),
    ...(agentPid !== null && { agent_pid: agentPid }),
    ...(pending?.forkedFrom && { forked_from_session_id: pending.forkedFrom }),
  };
}

/** Codex runs hooks of the same form: its sessions come by their own way. */
function isFromCodex(hook: Hook): boolean {
  const model = typeof hook.model === 'string' ? hook.model.toLowerCase() : '';
  return (
    hook.context_label === 'codex_cli_rs' ||
    hook.transcript_path?.includes('/.codex/sessions/') === true ||
    model.includes('codex') ||
    model.startsWith('gpt-')
  );
}
