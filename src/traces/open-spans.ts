/**
 * What lasts in a session at one moment, as a trace shows it: its turn, subagents, tools, requests that wait for a
 * person, and the states of its chart. Read from the committed chart alone, so that a restarted server finds the same.
 */

import type { SessionSnapshot } from '../../machines/session-status.ts';
import type { SessionContext, Stamp } from '../../machines/session-types.ts';
import { redactText } from '../inspection/redact.ts';
import { pathsOf } from '../inspection/redacted-view.ts';

/** What a span says; texts of people, models and tools are never among it. */
export type Attributes = Record<string, string | number | boolean>;

/** Something that goes on. */
export interface OpenSpan {
  /** Names it within its session, for ever: ids are made of it. */
  readonly key: string;
  readonly kind: 'turn' | 'agent' | 'tool' | 'request' | 'state';
  readonly name: string;
  readonly from: Stamp;
  /** Keys of what it may be part of: the first that goes on too is its parent. */
  readonly within: readonly string[];
  readonly attributes: Attributes;
}

/** Characters of a name that came from outside. */
export const NAME_CHARS = 120;
/** What each provider and its agent are called by the conventions of OpenTelemetry. */
const PROVIDERS: Readonly<Record<string, { provider: string; agent: string }>> = {
  claude: { provider: 'anthropic', agent: 'Claude Code' },
  codex: { provider: 'openai', agent: 'Codex' },
};

/** What goes on in a session, parents first. */
export function openSpansOf({ context, value }: SessionSnapshot): OpenSpan[] {
  return [
    ...turnOf(context),
    ...agentsOf(context),
    ...toolsOf(context),
    ...requestsOf(context),
    ...statesOf(context, value as Parameters<typeof pathsOf>[0]),
  ];
}

/** What every span of a session says. */
export function attributesOf({ session }: SessionContext): Attributes {
  const known = PROVIDERS[session.provider];
  return {
    'gen_ai.conversation.id': redactText(session.id, NAME_CHARS),
    'gen_ai.provider.name': known?.provider ?? session.provider,
    ...(session.project_name && {
      'orbitdock.project': redactText(session.project_name, NAME_CHARS),
    }),
  };
}

/** The model that a session runs with, as far as it is known. */
export function modelOf({ session }: SessionContext): Attributes {
  return session.model ? { 'gen_ai.request.model': redactText(session.model, NAME_CHARS) } : {};
}

function turnKey(id: string): string {
  return `turn ${id}`;
}

function turnOf({ session, turn }: SessionContext): OpenSpan[] {
  if (turn.id === null) return [];
  const agent = PROVIDERS[session.provider]?.agent ?? session.provider;
  const attributes = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': agent,
    'orbitdock.turn': turn.count,
  };
  const name = `invoke_agent ${agent}`;
  return [
    { key: turnKey(turn.id), kind: 'turn', name, from: turn.startedAt, within: [], attributes },
  ];
}

/** Keys of what holds a thread: its agent, else the turn. */
function threadKeys({ turn }: SessionContext, agentId: string | null | undefined): string[] {
  const main = turn.id === null ? [] : [turnKey(turn.id)];
  return agentId ? [`agent ${agentId}`, ...main] : main;
}

function agentsOf(context: SessionContext): OpenSpan[] {
  return context.agents.map(({ id, type, startedAt }) => ({
    key: `agent ${id}`,
    kind: 'agent',
    name: `invoke_agent ${redactText(type, NAME_CHARS)}`,
    from: startedAt,
    within: threadKeys(context, null),
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.id': redactText(id, NAME_CHARS),
      'gen_ai.agent.name': redactText(type, NAME_CHARS),
    },
  }));
}

function toolsOf(context: SessionContext): OpenSpan[] {
  return context.tools.map(({ toolUseId, agentId, name, at }) => {
    const shown = redactText(name, NAME_CHARS);
    return {
      key: `tool ${toolUseId}`,
      kind: 'tool',
      name: `execute_tool ${shown}`,
      from: at,
      within: threadKeys(context, agentId),
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': shown,
        'gen_ai.tool.call.id': redactText(toolUseId, NAME_CHARS),
      },
    };
  });
}

/** Requests wait until a person has decided, not until the decision has shown its effect. */
function requestsOf(context: SessionContext): OpenSpan[] {
  const waiting = context.approvals.filter(({ sent }) => sent === undefined);
  return waiting.map(({ request, tool, toolUseId, at }) => ({
    key: `request ${request.id}`,
    kind: 'request',
    name: `wait ${request.type}`,
    from: at,
    within: [
      ...(toolUseId === null ? [] : [`tool ${toolUseId}`]),
      ...threadKeys(context, tool?.agentId),
    ],
    attributes: {
      'orbitdock.request.id': redactText(request.id, NAME_CHARS),
      'orbitdock.request.type': request.type,
      ...(tool && { 'gen_ai.tool.name': redactText(tool.name, NAME_CHARS) }),
    },
  }));
}

/**
 * The innermost active states, but for those that say that nothing is there. Those of a turn belong to it and end with
 * it; the others stand alone, each in a trace of its own.
 */
function statesOf(context: SessionContext, value: Parameters<typeof pathsOf>[0]): OpenSpan[] {
  const { turn } = context;
  return pathsOf(value)
    .filter((path) => !path.endsWith('.none'))
    .map((path) => {
      const isOfTurn = turn.id !== null && !path.startsWith('link.');
      return {
        key: isOfTurn ? `state ${path} ${turn.id}` : `state ${path}`,
        kind: 'state',
        name: `state ${path}`,
        from: sinceWhen(context, path),
        within: isOfTurn ? threadKeys(context, null) : [],
        attributes: { 'orbitdock.state': path },
      };
    });
}

/** When a state began: the chart knows it of some; of the others the newest report is the one that led to it. */
function sinceWhen({ turn, agents, approvals, newestAt }: SessionContext, path: string): Stamp {
  const begins = path.endsWith('turn.open')
    ? [turn.startedAt]
    : path.includes('.agents.')
      ? agents.map(({ startedAt }) => startedAt)
      : path.includes('.requests.')
        ? approvals.map(({ at }) => at)
        : [];
  return begins.reduce((first, at) => (at < first ? at : first), begins[0] ?? newestAt);
}
