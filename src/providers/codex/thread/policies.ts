/** Rules of a thread in the wire's words and in Codex's, both ways. Pure. */
import type { SeenFields } from '../../../../machines/session-events.ts';
import type { AskForApproval } from '../protocol/generated/v2/AskForApproval.ts';
import type { SandboxMode } from '../protocol/generated/v2/SandboxMode.ts';
import type { SandboxPolicy } from '../protocol/generated/v2/SandboxPolicy.ts';

/** What a client may choose. `on-failure` is history: Codex dropped it, `on-request` took its place. */
export const APPROVAL_POLICIES = ['untrusted', 'on-failure', 'on-request', 'never'] as const;
/** How far Codex may reach, in its words. */
export const SANDBOX_MODES = ['read-only', 'workspace-write', 'danger-full-access'] as const;

/** Codex's word for a policy; null (its own default) for what is no word of ours. */
export function approvalPolicyOf(word: string | null): AskForApproval | null {
  switch (word) {
    case 'untrusted':
    case 'on-request':
    case 'never':
      return word;
    case 'on-failure':
      return 'on-request';
    default:
      return null;
  }
}

/** Codex's word for a sandbox; null (its own default) for what is no word of ours. */
export function sandboxModeOf(word: string | null): SandboxMode | null {
  return SANDBOX_MODES.find((mode) => mode === word) ?? null;
}

/** The sandbox as a running thread takes it. */
export function sandboxPolicyOf(word: string | null): SandboxPolicy | null {
  switch (sandboxModeOf(word)) {
    case 'read-only':
      return { type: 'readOnly', networkAccess: false };
    case 'workspace-write':
      return {
        type: 'workspaceWrite',
        writableRoots: [],
        networkAccess: false,
        excludeTmpdirEnvVar: false,
        excludeSlashTmp: false,
      };
    case 'danger-full-access':
      return { type: 'dangerFullAccess' };
    default:
      return null;
  }
}

/** What Codex says it applies, as fields of the session. */
export function fieldsFrom(said: {
  model?: string | null;
  effort?: string | null;
  approvalPolicy?: AskForApproval;
  sandbox?: SandboxPolicy;
}): SeenFields {
  const approval = typeof said.approvalPolicy === 'string' ? said.approvalPolicy : undefined;
  const sandbox = said.sandbox && SANDBOX_WORDS[said.sandbox.type];
  return {
    ...(said.model && { model: said.model }),
    ...(said.effort && { effort: said.effort }),
    ...(approval && { approval_policy: approval }),
    ...(sandbox && { sandbox_mode: sandbox }),
  };
}

const SANDBOX_WORDS: Partial<Record<SandboxPolicy['type'], SandboxMode>> = {
  readOnly: 'read-only',
  workspaceWrite: 'workspace-write',
  dangerFullAccess: 'danger-full-access',
};
