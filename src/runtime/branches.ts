/** Looks up the branch of a session's directory, beside the event that gave a reason to. */
import { readBranch } from '../host/git-head.ts';
import type { Logger } from '../log.ts';
import type { StampClock } from './clock.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { LiveSession } from './sessions/live-session.ts';
import type { Registry } from './sessions/registry.ts';

/** A branch is read again after this long. */
const FRESH_MS = 5000;
const MAX_BRANCHES = 500;

/** Reads the branch and tells the session when it differs; never throws. */
export type LookUpBranch = (live: LiveSession) => void;

/** A look-up that remembers what it read a moment ago: prompts come faster than branches change. */
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

  async function look({ id, head }: LiveSession): Promise<void> {
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
    look(live).catch((error: Error) =>
      deps.log.warn('git.branch.failed', { session_id: live.id, error }),
    );
  };
}
