/**
 * The life of a session as events, seeded, so that a picture and a count are the same on every run:
 * turns with tools, requests of both kinds, a link for direct sessions, now and then an event that is refused.
 */
import type { SessionEvent } from '../../../machines/session-events.ts';
import type { Session, SessionInput } from '../../../machines/session-types.ts';
import type { Message } from '../../../src/protocol/nouns.ts';

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const NAMES = ['orbit-api', 'web-client', 'infra', 'docs', 'mobile', 'billing', 'search', 'auth'];
const COMMANDS = [
  'npm test',
  'git push --force-with-lease',
  'rm -rf build && make',
  'psql -f 004.sql',
];

/** What the actor of session number `index` starts with; every third one is direct. */
export function inputOf(index: number): SessionInput {
  const name = `${NAMES[index % NAMES.length]}-${index}`;
  const session: Session = {
    id: `od-${index.toString(36).padStart(4, '0')}`,
    provider: index % 3 === 1 ? 'codex' : 'claude',
    project_path: `/home/dev/${name}`,
    project_name: name,
    model: index % 3 === 1 ? 'gpt-5-codex' : 'claude-sonnet-4-5',
    token_usage: { input_tokens: 0, output_tokens: 0, cached_tokens: 0, context_window: 200_000 },
    started_at: new Date().toISOString(),
    last_activity_at: null,
    git_branch: index % 2 === 0 ? 'main' : `feature/${name}`,
    current_cwd: `/home/dev/${name}`,
    integration_mode: index % 3 === 1 ? 'direct' : 'passive',
  };
  return { session, isNew: true, turnCount: 0 };
}

/** The next event of a session, given its state, its oldest open request and how many events it had. */
export function nextEvent(
  session: string,
  count: number,
  { paths, open }: { paths: readonly string[]; open: string | null },
  random: () => number,
): SessionEvent {
  const at = `${new Date().toISOString().slice(0, -1)}000Z`;
  const link = paths.find((path) => path.startsWith('link.')) ?? '';
  if (link === 'link.detached') return { type: 'link.requested', at };
  if (link === 'link.attaching') {
    return {
      type: 'link.attached',
      at,
      capabilities: ['turn.run', 'turn.stop', 'approval.answer'],
      threadId: `thread-${session}`,
    };
  }
  if (random() < 0.03) return { type: 'link.lost', at, reason: 'closed' };
  const chance = random();
  if (open !== null) {
    if (chance < 0.25) return { type: 'usage.updated', at, usage: usageOf(count) };
    return { type: 'approval.resolved', at, requestId: open, server: null, decision: 'approved' };
  }
  if (!paths.includes('phase.active.turn.open')) {
    return { type: 'turn.started', at, promptId: `p${count}`, prompt: 'Make the tests pass' };
  }
  const tool = { toolUseId: `t${count}`, agentId: null, name: 'Bash', digest: `d${count}` };
  if (chance < 0.2) return { type: 'tool.started', at, tool, agentType: null };
  if (chance < 0.35) {
    return {
      type: 'tool.finished',
      at,
      tool,
      agentType: null,
      outcome: 'succeeded',
      launched: null,
    };
  }
  if (chance < 0.65)
    return { type: 'message.added', at, message: messageOf(session, count, random) };
  if (chance < 0.85) return { type: 'usage.updated', at, usage: usageOf(count) };
  if (chance < 0.95) return asking(session, count, at, random);
  return { type: 'turn.completed', at, backgroundAgents: null };
}

function asking(session: string, count: number, at: string, random: () => number): SessionEvent {
  const isQuestion = random() < 0.3;
  return {
    type: 'approval.requested',
    at,
    request: {
      id: `r${count}`,
      session_id: session,
      type: isQuestion ? 'question' : 'exec',
      command: isQuestion ? null : (COMMANDS[count % COMMANDS.length] ?? 'ls'),
      file_path: null,
      diff: null,
      question: isQuestion ? 'Which database should the new service use?' : null,
      tool_name: isQuestion ? 'AskUserQuestion' : 'Bash',
    },
    tool: null,
    toolUseId: null,
    server: null,
  };
}

function usageOf(count: number) {
  return {
    input_tokens: 120 * count,
    output_tokens: 12 * count,
    cached_tokens: 0,
    context_window: 200_000,
  };
}

function messageOf(session_id: string, count: number, random: () => number): Message {
  const isTool = random() < 0.4;
  return {
    id: `${session_id}-m${count}`,
    session_id,
    message_type: isTool ? 'tool' : 'assistant',
    content: isTool
      ? 'npm test -- --run sessions'
      : 'The retry loop never reset its counter; I fixed that and added a test.',
    tool_name: isTool ? 'Bash' : null,
    tool_input: null,
    tool_output: isTool ? '12 passed' : null,
    is_error: false,
    timestamp: new Date().toISOString(),
    duration_ms: null,
  };
}
