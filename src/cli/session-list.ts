/** The command `sessions`: the list once, or as it goes on. */
import { setTimeout as wait } from 'node:timers/promises';
import { Option } from 'clipanion';
import type { ApprovalRequest, Client, SessionSummary } from '../client/index.ts';
import { EXIT } from '../exit.ts';
import {
  allSessions,
  ClientCommand,
  type ClientLibrary,
  CODES,
  endOf,
  stateOf,
  widthOf,
} from './client-command.ts';
import { OrbitCommand } from './command.ts';
import type { SessionRow } from './session-lines.ts';

/** Changes that come together are drawn once. */
const DRAW_WITHIN_MS = 200;
/** Times of a list that does not change are drawn so often. */
const AGE_EVERY_MS = 5000;
/** Entries of the history of requests among which open ones are looked for. */
const MAX_APPROVALS = 1000;
const CLEAR_SCREEN = '\u001b[H\u001b[J';

/** Lists sessions. */
export class SessionsCommand extends ClientCommand {
  static override paths = [['sessions']];
  static override usage = OrbitCommand.Usage({
    description: 'List sessions: who waits for you, and for what',
    details: `
      What waits longest comes first, with what it asks; then what works, what is idle, and with \`--all\` what has ended.
      In a terminal lines are cut at its width and ids are as short as they may be; elsewhere each session is one
      whole line. With \`--watch\` a terminal is drawn anew at each change, and elsewhere a session is printed again when
      something but its time has changed, and when it ends. ${CODES}
    `,
    examples: [
      ['Who waits for what', '$0 sessions'],
      ['As it goes on', '$0 sessions --watch'],
      ['For programs, a line for each change', '$0 sessions --watch --json'],
    ],
  });

  watch = Option.Boolean('--watch', false, { description: 'Go on until Ctrl-C' });
  all = Option.Boolean('--all', false, { description: 'Also those that have ended' });
  ids = Option.Boolean('-q,--quiet', false, { description: 'Ids only' });

  protected run(): Promise<number> {
    return this.withClient(async (client, library) => {
      const rows = await rowsFrom(client, library, this.all);
      if (this.watch) await this.#follow(client, library, rows);
      else this.#print(rows, library);
      return EXIT.ok;
    });
  }

  #print(rows: readonly SessionRow[], { listLines }: ClientLibrary): void {
    if (this.json) this.printLine(JSON.stringify(rows.map(jsonOf)));
    else if (this.ids) this.printLine(...rows.map(({ session }) => session.id));
    else this.printLine(...listLines(rows, { nowMs: Date.now(), width: widthOf(this) }));
  }

  /** Looks again whenever the list has changed, one look after the other. */
  async #follow(client: Client, library: ClientLibrary, first: SessionRow[]): Promise<void> {
    const printed = new Map<string, string>();
    let rows = first;
    let wake = (): void => {};
    let isOver = false;
    const draw = (): void => {
      if (this.#isDrawn()) this.#draw(rows, library);
      else
        this.#printChanged(
          [...rows, ...goneFrom(rows, { told: printed, client, library })],
          printed,
          library,
        );
    };
    const end = endOf(this, client).finally(() => {
      isOver = true;
      wake();
    });
    client.on('list', () => wake());
    client.watchList();
    const stop = this.#keepDrawn(draw);
    try {
      while (!isOver) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        draw();
        await Promise.race([changed, end]);
        await wait(DRAW_WITHIN_MS);
        rows = isOver ? rows : await this.#look(client, library, rows);
      }
      await end;
    } finally {
      stop();
    }
  }

  /** The list as it is now; the one of before while the connection is broken: the next one brings it again. */
  async #look(client: Client, library: ClientLibrary, before: SessionRow[]): Promise<SessionRow[]> {
    try {
      return await rowsFrom(client, library, this.all);
    } catch (error) {
      const isLost =
        error instanceof library.ClientError &&
        ['offline', 'connection_lost', 'closed'].includes(error.code);
      if (isLost) return before;
      throw error;
    }
  }

  /** Whether a person looks at a screen, which is drawn again and again. */
  #isDrawn(): boolean {
    return !this.json && !this.ids && widthOf(this) !== null;
  }

  /** A screen has times that pass, and may become another size. @returns ends it */
  #keepDrawn(draw: () => void): () => void {
    if (!this.#isDrawn()) return () => {};
    const { stdout } = this.context;
    const timer = setInterval(draw, AGE_EVERY_MS);
    stdout.on('resize', draw);
    return () => {
      clearInterval(timer);
      stdout.off('resize', draw);
    };
  }

  /** The whole list, as far as the screen goes. */
  #draw(rows: readonly SessionRow[], { listLines }: ClientLibrary): void {
    const { rows: height = 24 } = this.context.stdout as NodeJS.WriteStream;
    const lines = listLines(rows, { nowMs: Date.now(), width: widthOf(this) });
    const fits = lines.length < height;
    const shown = fits ? lines : [...lines.slice(0, height - 2), '… and more, below'];
    this.context.stdout.write(`${CLEAR_SCREEN}${shown.join('\n')}\n`);
  }

  /** What was not told yet, as lines. */
  #printChanged(
    rows: readonly SessionRow[],
    told: Map<string, string>,
    library: ClientLibrary,
  ): void {
    for (const row of rows) {
      const { id } = row.session;
      const since = row.asks === null ? null : row.sinceMs;
      const facts = { ...row, sinceMs: since, session: withoutTimes(row.session) };
      const text = JSON.stringify(facts);
      if (told.get(id) === text) continue;
      told.set(id, text);
      if (this.json) this.printLine(JSON.stringify(jsonOf(row)));
      else this.#print([row], library);
    }
  }
}

function withoutTimes(session: SessionSummary): object {
  return { ...session, last_activity_at: null, token_usage: null };
}

/** Sessions that were told and are not in the list any more: they have ended, which is told as well. */
function goneFrom(
  rows: readonly SessionRow[],
  {
    told,
    client,
    library,
  }: { told: ReadonlyMap<string, string>; client: Client; library: ClientLibrary },
): SessionRow[] {
  const listed = new Set(rows.map(({ session }) => session.id));
  return [...told.keys()].flatMap((id) => {
    const session = listed.has(id) ? undefined : client.list.get(id);
    return session?.status === 'ended' ? [rowOf(session, library)] : [];
  });
}

const jsonOf = ({ session, asks, sinceMs }: SessionRow) => ({
  ...session,
  asks,
  since: sinceMs === null ? null : new Date(sinceMs).toISOString(),
});

/** The list with what each session asks. */
async function rowsFrom(
  client: Client,
  library: ClientLibrary,
  isAll: boolean,
): Promise<SessionRow[]> {
  const sessions = await allSessions(client, isAll ? undefined : 'active');
  const waiting = sessions.filter((each) => each.has_pending_approval);
  const asked = await openRequests(client, waiting);
  return library.inOrder(sessions.map((session) => rowOf(session, library, asked.get(session.id))));
}

function rowOf(
  session: SessionSummary,
  { titleOf, askedWords }: ClientLibrary,
  asked?: Asked,
): SessionRow {
  const active = session.last_activity_at === null ? null : Date.parse(session.last_activity_at);
  return {
    session,
    title: titleOf(session),
    asks: asked ? askedWords(asked.request) : null,
    sinceMs: asked?.sinceMs ?? active,
  };
}

interface Asked {
  request: ApprovalRequest;
  sinceMs: number | undefined;
}

async function openRequests(
  client: Client,
  waiting: readonly SessionSummary[],
): Promise<Map<string, Asked>> {
  const asked = new Map<string, Asked>();
  if (waiting.length === 0) return asked;
  const { approvals } = await client.request({ type: 'list_approvals', limit: MAX_APPROVALS });
  for (const { id } of waiting) {
    const { pending_approval: request } = await stateOf(client, id, 1);
    if (request === null) continue;
    const known = approvals.find((one) => one.session_id === id && one.request_id === request.id);
    asked.set(id, { request, sinceMs: known && Date.parse(known.created_at) });
  }
  return asked;
}
