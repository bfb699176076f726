/**
 * The working directory of a session: the one a client names, checked, and the git branch of the one it has, looked up
 * beside the event that gave a reason to.
 */
import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { OrbitError } from '../errors.ts';
import { readBranch } from '../host/directory.ts';
import type { Logger } from '../log.ts';
import type { StampClock } from './clock.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { LiveSession } from './sessions/live-session.ts';
import type { Registry } from './sessions/registry.ts';

/**
 * The directory's path, `~` and `~/…` below the home of this user.
 *
 * @param sessionId the session that the refusal is about, if there is one
 * @throws OrbitError `invalid_argument` for what is relative, missing or no directory
 */
export async function directoryOf(
  given: string,
  home: string,
  sessionId?: string,
): Promise<string> {
  const invalid = (what: string): OrbitError => {
    const reason = `Directory ${JSON.stringify(given.slice(0, 500))} ${what}`;
    return new OrbitError('invalid_argument', { reason }, sessionId ? { sessionId } : {});
  };
  const path = given === '~' || given.startsWith('~/') ? join(home, given.slice(1)) : given;
  if (!isAbsolute(path)) throw invalid('is not absolute; give a full path or one below ~');
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const word = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`;
    throw invalid(`${word}; choose another directory`);
  });
  if (!found.isDirectory()) throw invalid('is no directory; choose the one around it');
  return resolve(path);
}

/** A branch is read again after this long. */
const FRESH_MS = 5000;
const MAX_BRANCHES = 500;

/** Reads the branch and sends it to the session when it differs; never throws. */
export type LookUpBranch = (live: LiveSession) => void;

/** A lookup that remembers what it read a moment ago: prompts come faster than branches change. */
export function createBranchLookUp(deps: {
  registry: Pick<Registry, 'enter'>;
  ledger: Pick<Ledger, 'send'>;
  clock: StampClock;
  log: Logger;
}): LookUpBranch {
  const recent = new Map<string, { branch: Promise<string | null>; untilMs: number }>();

  function branchOf(directory: string): Promise<string | null> {
    const known = recent.get(directory);
    if (known && known.untilMs > performance.now()) return known.branch;
    if (recent.size >= MAX_BRANCHES) recent.clear();
    const branch = readBranch(directory);
    recent.set(directory, { branch, untilMs: performance.now() + FRESH_MS });
    return branch;
  }

  async function refresh({ id, head }: LiveSession): Promise<void> {
    const { session } = head.snapshot.context;
    const branch = await branchOf(session.current_cwd ?? session.project_path);
    // Without a repository nothing is known to be different; what a report brought stays.
    if (branch === null || branch === (session.git_branch ?? '')) return;
    await deps.registry.enter(id, ({ live }) => {
      if (!live) return;
      deps.ledger.send(live, {
        event: { type: 'fields.updated', at: deps.clock.stamp(), fields: { git_branch: branch } },
        origin: 'server',
        key: null,
        settle: () => {},
      });
    });
  }

  return (live) => {
    refresh(live).catch((error: Error) =>
      deps.log.warn('git.branch.failed', { session_id: live.id, error }),
    );
  };
}
