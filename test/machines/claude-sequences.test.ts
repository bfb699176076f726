/**
 * Recorded sessions of the real CLI, hook by hook, translation and chart alone. The right column is what
 * a person at the terminal would say; where Esc or "No" left no hook, the status stays as it was.
 */
import { describe, expect, it } from 'vitest';
import type { Hook } from '../../src/protocol/hook.ts';
import { eventFromHook } from '../../src/providers/claude/hooks/events.ts';
import { recordedSequence } from '../support/fixtures.ts';
import { KEEP_NONE } from '../support/pictures.ts';
import { at, newSession, type SessionAfter, sessionAfter } from './session-after.ts';

const SEQUENCES: Record<string, string> = {
  'failures-then-success': `
    SessionStart waiting
    UserPromptSubmit working
    PreToolUse working
    PostToolUseFailure working
    PostToolBatch working
    PreToolUse working
    PostToolUseFailure working
    PostToolBatch working
    PreToolUse working
    PostToolUse working
    PostToolBatch working
    PreToolUse working
    PostToolUse working
    PostToolBatch working
    MessageDisplay working
    Stop waiting
    SessionEnd ended`,
  // 15 was denied and 20 left with Esc: neither has a hook, the next prompt says so.
  'interactive-permissions': `
    SessionStart waiting
    UserPromptSubmit working
    MessageDisplay working
    PreToolUse working
    PermissionRequest permission
    Notification permission
    PostToolUse working
    PostToolBatch working
    MessageDisplay working
    MessageDisplay working
    Stop waiting
    UserPromptSubmit working
    PreToolUse working
    MessageDisplay working
    PermissionRequest permission
    UserPromptSubmit working
    UserPromptSubmit working
    MessageDisplay working
    PreToolUse working
    PermissionRequest permission
    Notification permission
    UserPromptSubmit working
    PreToolUse working
    MessageDisplay working
    SubagentStart working
    PostToolUse working
    PostToolBatch working
    MessageDisplay working
    Stop working
    PreToolUse working
    PostToolUse working
    PostToolBatch working
    SubagentStop waiting
    UserPromptSubmit working
    MessageDisplay working
    Stop waiting
    PreCompact waiting
    SubagentStop waiting
    SessionStart waiting
    PostCompact waiting
    SessionEnd ended`,
  'permission-then-elicitation': `
    SessionStart waiting
    UserPromptSubmit working
    PreToolUse working
    PermissionRequest permission
    Elicitation question
    Notification question`,
  subagent: `
    SessionStart waiting
    UserPromptSubmit working
    MessageDisplay working
    PreToolUse working
    PostToolUse working
    PostToolBatch working
    PreToolUse working
    SubagentStart working
    SubagentStop working
    PostToolUse working
    PostToolBatch working
    MessageDisplay working
    Stop waiting
    SessionEnd ended`,
  'tools-and-tasks': `
    SessionStart waiting
    InstructionsLoaded waiting
    UserPromptSubmit working
    PreToolUse working
    PostToolUse working
    PostToolBatch working
    InstructionsLoaded working
    PreToolUse working
    PostToolUse working
    CwdChanged working
    PostToolBatch working
    PreToolUse working
    TaskCreated working
    PostToolUse working
    PostToolBatch working
    PreToolUse working
    TaskCompleted working
    PostToolUse working
    PostToolBatch working
    MessageDisplay working
    Stop waiting
    SessionEnd ended`,
};

/** Plays a recorded session and returns what was shown after each hook. */
function played(name: string): { scene: SessionAfter; lines: string[] } {
  const hooks = recordedSequence(name) as Hook[];
  const scene = sessionAfter([], newSession({ id: hooks[0]?.session_id ?? '' }));
  const lines = hooks.map((hook, n) => {
    scene.send(eventFromHook(hook, { at: at(1 + n), key: `k${n}`, keep: KEEP_NONE }));
    return `${hook.hook_event_name} ${scene.status()}`;
  });
  return { scene, lines };
}

function messagesOf({ facts }: SessionAfter, type: string): string[] {
  return facts.flatMap((fact) =>
    fact.type === 'message_appended' && fact.message.message_type === type
      ? [fact.message.content]
      : [],
  );
}

describe('a recorded session', () => {
  it.each(Object.entries(SEQUENCES))('%s shows after every hook what is true', (name, expected) => {
    const { scene, lines } = played(name);
    expect(lines).toEqual(expected.trim().split(/\n\s*/));
    expect(scene.snapshot().status).toBe('active');
  });

  it('shows the words of its user and none that the CLI wrote itself', () => {
    const said = messagesOf(played('interactive-permissions').scene, 'user');
    expect(said.map((words) => words.split('@@')[0]?.trim())).toEqual([
      'Make a file',
      'deny test',
      'slow',
      'perm',
      'use subagent',
    ]);
  });

  it('shows every tool use once and ends with none of them running', () => {
    for (const name of Object.keys(SEQUENCES)) {
      const { scene } = played(name);
      const uses = recordedSequence(name).filter(({ hook_event_name: it }) => it === 'PreToolUse');
      // A compaction is shown as a tool too.
      const tools = messagesOf(scene, 'tool').filter((said) => !said.startsWith('Compacting'));
      expect(tools).toHaveLength(uses.length);
      if (scene.phase() === 'ended') expect(scene.context().tools).toEqual([]);
    }
  });

  it('closes every request that it opened, and names the evidence', () => {
    const { scene } = played('interactive-permissions');
    const words = scene.facts.flatMap((fact) =>
      fact.type === 'approval_closed' ? [`${fact.decision} by ${fact.evidence.split(' ')[0]}`] : [],
    );
    expect(words).toEqual([
      'approved by tool.finished',
      'cancelled by turn.started',
      'cancelled by turn.started',
    ]);
  });

  it('takes the permission of an MCP tool as given once its server asks', () => {
    const { scene } = played('permission-then-elicitation');
    const closed = scene.facts.filter(({ type }) => type === 'approval_closed');
    expect(closed).toMatchObject([{ decision: 'approved', evidence: 'elicitation by elic' }]);
    expect(scene.context().approvals).toMatchObject([
      { request: { type: 'question', question: 'Your name?' } },
    ]);
  });
});
