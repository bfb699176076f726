/**
 * A rollout of Codex, line by line, as reports: turns, finished items, tokens, what applies. Pure; a parser is fed
 * every line of one file from its start, because older rollouts name neither turns nor items.
 */
import { scanJson } from '../../../protocol/json-scan.ts';
import type { ThreadItem } from '../protocol/generated/v2/ThreadItem.ts';
import {
  agentMessage,
  command,
  fileChange,
  itemOf,
  type Json,
  legacyMcpCall,
  number,
  object,
  reasoning,
  string,
  userMessage,
} from './rollout-items.ts';

/** The first line of a rollout: which thread it is, where it runs, and what it goes on from. */
export interface RolloutMeta {
  threadId: string;
  cwd: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** `codex-tui`, `codex_exec`, or the name of another client. */
  originator: string | null;
  version: string | null;
  branch: string | null;
  commit: string | null;
  forkedFrom: string | null;
  /** The file (by thread or segment) whose first bytes are the past of this one. */
  base: { id: string; endOffset: number } | null;
  /** A thread that another thread started for itself. */
  isSubagent: boolean;
}

/** What a rollout reports. */
export type RolloutReport = {
  /** Milliseconds since 1970. */
  stamp: number;
  turn: string | null;
} & (
  | { what: 'turn.started' }
  | { what: 'turn.ended'; how: 'completed' | 'interrupted' }
  | { what: 'turn.failed'; error: string; details: unknown }
  | { what: 'item'; item: ThreadItem; at: number }
  | { what: 'question'; call: string; input: unknown }
  | { what: 'answered'; call: string }
  | {
      what: 'settings';
      model: string | null;
      effort: string | null;
      cwd: string | null;
      approvalPolicy: string | null;
      sandbox: string | null;
    }
  | { what: 'tokens'; last: Json; total: Json | null; window: number | null }
  | { what: 'limits'; limits: Json }
  | { what: 'compacted' }
);

type What = RolloutReport extends infer R
  ? R extends RolloutReport
    ? Omit<R, 'stamp' | 'turn'>
    : never
  : never;

/** Calls of tools whose end was not read yet; more, and the oldest is forgotten. */
const MAX_CALLS = 256;

/** Reads one rollout. */
export class RolloutParser {
  /** Lines that were no JSON object, or one of too much structure. */
  junk = 0;
  /** The turn that has no end yet. */
  open: string | null = null;
  #turn: string | null = null;
  #cwd = '';
  #stamp = 0;
  /** What a legacy rollout calls its texts: by their number. */
  #items = 0;
  #hasMeta = false;
  readonly #calls = new Map<string, Json>();

  /** The reports of the next line. Never throws; junk is counted. */
  line(text: string): RolloutReport[] {
    const line = parse(text);
    const payload = object(line?.payload);
    if (line === null || payload === null) {
      if (text.trim() !== '') this.junk += 1;
      return [];
    }
    const stamp = Date.parse(string(line.timestamp) ?? '');
    if (Number.isFinite(stamp)) this.#stamp = stamp;
    const found = this.#read(line.type, payload);
    return found.map((of) => ({ stamp: this.#stamp, turn: this.#turn, ...of }) as RolloutReport);
  }

  #read(type: unknown, payload: Json): What[] {
    switch (type) {
      case 'session_meta':
        // A copied history repeats the one of its origin.
        if (!this.#hasMeta) this.#cwd = string(payload.cwd) ?? '';
        this.#hasMeta = true;
        return [];
      case 'turn_context':
        return this.#context(payload);
      case 'event_msg':
        return this.#event(payload);
      case 'response_item':
        return this.#response(payload);
      case 'compacted':
        return [{ what: 'compacted' }];
      default:
        return [];
    }
  }

  #context(payload: Json): What[] {
    this.#cwd = string(payload.cwd) ?? this.#cwd;
    return [
      {
        what: 'settings',
        model: string(payload.model),
        effort: string(payload.effort),
        cwd: string(payload.cwd),
        approvalPolicy: string(payload.approval_policy),
        sandbox: string(object(payload.sandbox_policy)?.type),
      },
    ];
  }

  #event(payload: Json): What[] {
    const turn = string(payload.turn_id);
    switch (payload.type) {
      case 'task_started':
      case 'turn_started':
        this.#turn = turn;
        this.open = turn ?? 'unnamed';
        this.#calls.clear();
        return [{ what: 'turn.started' }];
      case 'task_complete':
      case 'turn_complete':
        return this.#ended(turn, payload);
      case 'turn_aborted':
        this.#turn = turn ?? this.#turn;
        this.open = null;
        return [{ what: 'turn.ended', how: 'interrupted' }];
      case 'item_completed':
        return this.#item(itemOf(payload.item), turn, payload);
      case 'token_count':
        return tokensOf(payload);
      default:
        return this.#legacy(payload);
    }
  }

  #ended(turn: string | null, { error }: Json): What[] {
    this.#turn = turn ?? this.#turn;
    this.open = null;
    const message = string(object(error)?.message) ?? string(error);
    if (message === null) return [{ what: 'turn.ended', how: 'completed' }];
    return [{ what: 'turn.failed', error: message, details: object(error)?.codex_error_info }];
  }

  #item(item: ThreadItem | null, turn: string | null, payload: Json): What[] {
    this.#turn = turn ?? this.#turn;
    if (item === null) return [];
    this.#calls.delete(item.id);
    // What a person said and what a tool did begins at its start, words are there at their end.
    const isBegun = item.type === 'userMessage' || !STREAMED_ITEMS.has(item.type);
    const at = number(isBegun ? payload.started_at_ms : payload.completed_at_ms);
    return [{ what: 'item', item, at: at ?? this.#stamp }];
  }

  /** Rollouts of before name neither turn nor item of what is said. */
  #legacy(payload: Json): What[] {
    const { call_id, message, text } = payload;
    const id = string(call_id);
    switch (payload.type) {
      case 'user_message': {
        const { images, local_images: localImages } = payload;
        const said = { text: string(message) ?? '', images, localImages };
        return this.#reported(userMessage(this.#nextId(), said));
      }
      case 'agent_message':
        return this.#reported(agentMessage(this.#nextId(), string(message) ?? ''));
      case 'agent_reasoning':
        return this.#reported(reasoning(this.#nextId(), [string(text) ?? '']));
      case 'patch_apply_end':
        return id === null ? [] : this.#reported(fileChange(id, payload));
      case 'mcp_tool_call_end':
        return id === null ? [] : this.#reported(legacyMcpCall(id, payload));
      default:
        return [];
    }
  }

  #reported(item: ThreadItem): What[] {
    this.#calls.delete(item.id);
    return [{ what: 'item', item, at: this.#stamp }];
  }

  #nextId(): string {
    this.#items += 1;
    return `item-${this.#items}`;
  }

  /** Calls and their outputs: for questions, and for commands that have no item. */
  #response(payload: Json): What[] {
    const call = string(payload.call_id);
    if (call === null) return [];
    if (payload.type === 'function_call') {
      this.#calls.set(call, payload);
      if (this.#calls.size > MAX_CALLS) this.#forgetOldest();
      if (payload.name !== 'request_user_input') return [];
      return [{ what: 'question', call, input: argumentsOf(payload) }];
    }
    if (payload.type !== 'function_call_output') return [];
    const begun = this.#calls.get(call);
    this.#calls.delete(call);
    if (begun === undefined) return [];
    if (begun.name === 'request_user_input') return [{ what: 'answered', call }];
    return begun.name === 'exec_command' ? this.#command(call, begun, payload.output) : [];
  }

  /** A command that left no item: of a legacy rollout, or one that was refused. */
  #command(call: string, begun: Json, output: unknown): What[] {
    const { cmd, workdir } = argumentsOf(begun);
    const words = string(output) ?? string(object(output)?.content) ?? '';
    const isRefused = words.includes('rejected by user');
    const exit = /^Process exited with code (-?\d+)/m.exec(words)?.[1];
    const wall = /^Wall time: ([\d.]+) seconds/m.exec(words)?.[1];
    if (!isRefused && exit === undefined) return [];
    const [, printed = ''] = words.split(/^Output:\n/m);
    return this.#reported(
      command(call, {
        command: string(cmd) ?? '',
        cwd: string(workdir) ?? this.#cwd,
        status: isRefused ? 'declined' : 'completed',
        output: printed,
        exitCode: exit === undefined ? null : Number(exit),
        durationMs: wall === undefined ? null : Math.round(Number(wall) * 1000),
      }),
    );
  }

  #forgetOldest(): void {
    for (const oldest of this.#calls.keys()) {
      this.#calls.delete(oldest);
      return;
    }
  }
}

const STREAMED_ITEMS: ReadonlySet<ThreadItem['type']> = new Set([
  'agentMessage',
  'reasoning',
  'plan',
]);

/**
 * What the first line of a rollout says; null when it is none.
 *
 * @param text  the line as it is in the file
 */
export function metaOf(text: string): RolloutMeta | null {
  const line = parse(text);
  const payload = line?.type === 'session_meta' ? object(line.payload) : null;
  const threadId = string(payload?.id);
  const cwd = string(payload?.cwd);
  if (payload === null || threadId === null || cwd === null) return null;
  const git = object(payload.git);
  const base = object(payload.history_base);
  const baseId = string(base?.thread_id);
  const source = object(payload.source);
  return {
    threadId,
    cwd,
    startedAt: Date.parse(string(payload.timestamp) ?? string(line?.timestamp) ?? '') || 0,
    originator: string(payload.originator),
    version: string(payload.cli_version),
    branch: string(git?.branch),
    commit: string(git?.commit_hash),
    forkedFrom: string(payload.forked_from_id),
    base: baseId === null ? null : { id: baseId, endOffset: number(base?.end_byte_offset) ?? 0 },
    isSubagent: source !== null || payload.thread_source === 'subagent',
  };
}

function tokensOf({ info, rate_limits }: Json): What[] {
  const limitsRead = object(rate_limits);
  const limits: What[] = limitsRead === null ? [] : [{ what: 'limits', limits: limitsRead }];
  const last = object(object(info)?.last_token_usage);
  if (last === null) return limits;
  const total = object(object(info)?.total_token_usage);
  const window = number(object(info)?.model_context_window);
  return [...limits, { what: 'tokens', last, total, window }];
}

function argumentsOf({ arguments: given }: Json): Json {
  return (typeof given === 'string' ? parse(given) : object(given)) ?? {};
}

function parse(text: string): Json | null {
  // What is nested too deep parses, but cannot be stored.
  if (scanJson(Buffer.from(text)) !== null) return null;
  try {
    return object(JSON.parse(text));
  } catch {
    // Counted by the caller: a line that a crash cut off stays as it is.
    return null;
  }
}
