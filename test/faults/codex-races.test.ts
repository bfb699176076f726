/**
 * A terminal and a client decide at the same time: one decision counts, both sides show it, and what happens is what
 * it says. `ORBITDOCK_TEST_RACES` says how many races are run.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { ApprovalHistoryItem } from '../../src/protocol/reply-nouns.ts';
import {
  type CodexTerminal,
  openJoined,
  openSharedDock,
  type SharedDock,
} from '../support/codex-daemon.ts';
import type { SteeredSession } from '../support/codex-setup.ts';
import { commandLinesOfHome } from '../support/processes.ts';

const RACES = Number(process.env.ORBITDOCK_TEST_RACES ?? 16);
const PATIENT = { timeout: 30_000 };
const DIALOG = /Would you like to run/;

/** What each side does: the terminal by a key, the client by a decision. */
const SIDES = [
  { key: 'y', decision: 'denied' },
  { key: 'Escape', decision: 'approved' },
] as const;

interface Race {
  key: (typeof SIDES)[number]['key'];
  decision: (typeof SIDES)[number]['decision'];
  /** Milliseconds by which the client waits; negative: the terminal does. */
  leadMs: number;
  path: string;
}

async function historyOf(session: SteeredSession, id: string): Promise<ApprovalHistoryItem[]> {
  const answer = await session.ask('list_approvals', { limit: 5 });
  if (answer.type !== 'approvals_list') throw new Error(JSON.stringify(answer));
  return answer.approvals.filter(({ request_id }) => request_id === id);
}

/** Lets both decide and returns what each side then shows. */
async function run(terminal: CodexTerminal, session: SteeredSession, name: string, race: Race) {
  // A key that came when the dialog was closed already went to the next prompt.
  await terminal.press('C-u');
  await terminal.prompt(name, `!esc touch ${race.path}`);
  const request = await session.request();
  await terminal.waitFor((screen) => DIALOG.test(screen) && screen.includes(race.path));
  const { decision, leadMs } = race;
  const [answer] = await Promise.all([
    pause(Math.max(0, leadMs)).then(() => session.settle(request.id, { decision })),
    pause(Math.max(0, -leadMs)).then(() => terminal.press(race.key)),
  ]);
  const last = async () => (await session.messages('tool')).at(-1);
  await expect.poll(async () => (await session.snapshot()).work_status, PATIENT).toBe('waiting');
  // Closed in the terminal, too, which shows what became of it.
  const behind = (shown: string) => shown.slice(shown.indexOf(`› ${name}`));
  const screen = await terminal.waitFor(
    (shown) => !DIALOG.test(shown) && /Done\. last user|interrupted/i.test(behind(shown)),
  );
  return {
    answer: answer.type === 'ack' ? 'ack' : 'code' in answer ? answer.code : answer.type,
    history: await historyOf(session, request.id),
    tool: await last(),
    ran: existsSync(race.path),
    screen: behind(screen),
  };
}

async function races(dock: SharedDock): Promise<string[]> {
  const { terminal, session, client } = await openJoined(dock);
  await using _ = terminal;
  const ends: string[] = [];
  for (let n = 0; n < RACES; n++) {
    const sides = SIDES[n % SIDES.length] as (typeof SIDES)[number];
    // A key takes some milliseconds to its program: now one is first, now the other.
    const race = {
      ...sides,
      leadMs: ((n >> 1) % 8) * 3 - 9,
      path: join(dock.home.codexHome, `race-${n}`),
    };
    const name = `race ${n}.`;
    const from = client.messages.length;
    const { answer, history, tool, ran, screen } = await run(terminal, session, name, race);
    const [item, ...more] = history;
    const end = `${n}: ${race.key} against ${race.decision} (${race.leadMs} ms): ran ${ran}, shown ${item?.decision} by ${item?.decided_by ? 'a client' : 'the terminal'}, client told ${answer}`;
    ends.push(end);
    expect(more, end).toEqual([]);
    // What was decided is what happened, in the conversation and in the terminal.
    const isDenied = tool?.tool_output === 'Denied';
    expect(item?.decision, end).toBe(isDenied ? 'denied' : 'approved');
    // A key that comes too late for the dialog stops the turn that was allowed to go on.
    const isStopped = race.key === 'Escape' && /interrupted/i.test(screen);
    if (isDenied) expect(ran, end).toBe(false);
    else expect(ran || isStopped, end).toBe(true);
    if (race.key === 'Escape' && !ran) expect(isStopped, end).toBe(true);
    if (race.key === 'y') expect(screen, end).not.toMatch(/interrupted/i);
    // Whoever is named has said it: the client where its decision is what happened.
    const isClients = (race.decision === 'denied') === isDenied;
    if (item?.decided_by) expect(isClients, end).toBe(true);
    expect(['ack', 'already_resolved'], end).toContain(answer);
    // Asked once, and settled for everybody.
    const asked = client.messages
      .slice(from)
      .filter(
        (frame) => frame.type === 'approval_requested' && frame.request.id === item?.request_id,
      );
    expect(new Set(asked.map((frame) => frame.type)).size, end).toBe(1);
    expect((await session.snapshot()).pending_approval, end).toBeNull();
  }
  return ends;
}

it(`${RACES} races of a terminal against a client have one winner each`, async () => {
  const dock = await openSharedDock();
  const { codexHome } = dock.home;
  try {
    console.log((await races(dock)).join('\n'));
  } finally {
    await dock[Symbol.asyncDispose]();
  }
  await expect.poll(() => commandLinesOfHome(codexHome), PATIENT).toEqual([]);
}, 1_800_000);
