/**
 * What a first hook costs besides loading the schemas: code that has never run. It is run once on a hook that
 * nobody sent, as far as it only computes; nothing is stored, told, logged or kept.
 */
import { type Step, snapshotFrom, takeStep } from '../../machines/step.ts';
import { eventFromHook } from '../connectors/claude-hooks/events.ts';
import { sessionFromHooks } from '../connectors/claude-hooks/session.ts';
import { OrbitError } from '../errors.ts';
import { parseHookJson } from '../protocol/hook-body.ts';
import type { Intake } from './intake.ts';

const SPOKEN = '1970-01-01T00:00:00.000000Z';
const BODY = Buffer.from(
  JSON.stringify({
    session_id: 'rehearsal',
    hook_event_name: 'UserPromptSubmit',
    cwd: '/rehearsal',
    prompt: 'rehearsal',
  }),
);

/** Loads the schemas and takes the hook as far as the commit, which it does not reach. @returns what would be committed */
export async function rehearseHook({ codec }: Pick<Intake, 'codec'>): Promise<Step> {
  const { decodeHook } = await codec();
  const hook = decodeHook(parseHookJson(BODY));
  if (hook instanceof OrbitError) throw hook;
  const session = sessionFromHooks(hook, SPOKEN, null, null);
  const snapshot = snapshotFrom({ session, isNew: true, turnCount: 0 });
  return takeStep(snapshot, eventFromHook(hook, { at: SPOKEN, key: 'rehearsal' }));
}
