/**
 * A bot that allows what its rules know and leaves everything else to a person. Run it with
 * `npx tsx src/client/examples/approve-by-rule.ts http://127.0.0.1:4000`; its token needs the scope `control`.
 */
import { ClientError, createClient, type SessionView } from '../index.ts';

/** Commands that are allowed; a rule must fit the whole command, or what is behind it is allowed as well. */
const RULES = [/^git (status|diff|log)$/, /^npm test$/];

const client = createClient({
  url: process.argv[2] ?? 'http://127.0.0.1:4000',
  token: process.env.ORBITDOCK_AUTH_TOKEN ?? null,
});
const watched = new Map<string, () => void>();
const seen = new Set<string>();

/** Requests come with the session, so a session is watched as long as it asks something. */
client.on('list', (sessions) => {
  for (const { id, has_pending_approval } of sessions.values()) {
    const stop = watched.get(id);
    if (has_pending_approval && !stop) watched.set(id, client.watch(id));
    if (!has_pending_approval && stop) {
      stop();
      watched.delete(id);
    }
  }
});
client.on('session', (session) => void decide(session).catch(report));
client.watchList();

async function decide({ id: session_id, pending_approval }: SessionView): Promise<void> {
  if (!pending_approval?.command || seen.has(pending_approval.id)) return;
  const { id: request_id } = pending_approval;
  seen.add(request_id);
  const command = bare(pending_approval.command);
  if (!RULES.some((rule) => rule.test(command))) {
    console.log(`Left to a person: ${command}`);
    return;
  }
  await client.request({ type: 'approve_tool', session_id, request_id, decision: 'approved' });
  console.log(`Approved: ${command}`);
}

/** Codex runs a command through a shell: what is judged is what the shell is given, when it is quoted whole. */
function bare(command: string): string {
  return /^\/bin\/(?:ba|z)?sh -l?c '([^']*)'$/.exec(command)?.[1] ?? command;
}

/** Another client was faster, or only the session's own terminal can answer: then the server says so. */
function report(error: unknown): void {
  if (!(error instanceof ClientError)) throw error;
  console.error(`${error.code}: ${error.message}`);
}
