/**
 * What a first hook costs besides loading the schemas: code that has never run. It is run once on a hook that
 * nobody sent, as far as it only computes; nothing is stored, told, logged or kept.
 */
import { type Step, snapshotFrom, takeStep } from '../../machines/step.ts';
import { OrbitError } from '../errors.ts';
import { parseHookJson } from '../protocol/hook-body.ts';
import type { Providers } from '../providers/registry.ts';
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

const keep = () => ({ refusal: 'a rehearsal' });

/** Loads the schemas and takes the hook as far as the commit, which it does not reach. @returns what would be committed */
export async function rehearseHook(
  { codec }: Pick<Intake, 'codec'>,
  providers: Pick<Providers, 'readHook'>,
): Promise<Step> {
  const { decodeHook } = await codec();
  const hook = decodeHook(parseHookJson(BODY));
  if (hook instanceof OrbitError) throw hook;
  const reading = providers.readHook(hook);
  if (!reading) throw new Error('no provider reads the hook of the rehearsal');
  const session = reading.session(SPOKEN, null, null);
  const snapshot = snapshotFrom({ session, isNew: true, turnCount: 0 });
  return takeStep(snapshot, reading.event({ at: SPOKEN, key: 'rehearsal', keep }));
}
