/** The page says who did what, and what a person has to do when nothing can be stored. */
import { expect, it } from 'vitest';
import type { InspectCaller } from '../../../src/protocol/inspect.ts';
import type { ApprovalHistoryItem } from '../../../src/protocol/reply-nouns.ts';
import { fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

const AT = '2030-01-01T00:00:00.000000Z';
const CALLER: InspectCaller = { kind: 'token', address: '10.0.0.7', connection: 'ws-3' };
const WORDS = 'a token from 10.0.0.7, by WebSocket (ws-3)';

it('names in the journal and in Why who gave a command and who was refused, and nobody for a report', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const session = server.sessions[0];
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  session?.send({ type: 'turn.started', at: AT, promptId: 'p', prompt: 'x' }, 'hook', {
    ...CALLER,
    kind: 'local',
  });
  const rows = page.locator('[data-testid=event-list] [role=option]');
  await expect.poll(() => rows.count()).toBe(1);
  expect(await rows.locator('.entry-caller').count()).toBe(0);
  session?.send({ type: 'interrupt.requested', at: AT }, 'client', CALLER);
  await expect.poll(() => rows.count()).toBe(2);
  const [caller] = await rows.locator('.entry-caller').all();
  expect(await rows.first().getAttribute('class')).toContain('refused');
  expect(await caller?.textContent()).toBe('by token 10.0.0.7 ws-3');
  expect(await caller?.getAttribute('title')).toBe(`By ${WORDS}`);
  await page.getByLabel('Filter events').fill('10.0.0.7');
  await expect.poll(() => rows.count()).toBe(1);
  await page.getByRole('tab', { name: 'Why?' }).click();
  await expect.poll(() => page.getByTestId('by').textContent()).toBe(` (by ${WORDS})`);
});

it.each([
  ['a desk', {}],
  ['a phone', PHONE],
])(
  'lists the decided requests of a session with who decided, and what still waits, on %s',
  async (_, options) => {
    const server = await fixture({ sessions: 2 });
    const session = server.sessions[0];
    const item: Omit<ApprovalHistoryItem, 'id' | 'request_id' | 'command' | 'decision'> = {
      ...{ session_id: 'od-0000', approval_type: 'exec', tool_name: 'Bash', file_path: null },
      ...{ cwd: null, proposed_amendment: null, created_at: AT, decided_at: AT },
    };
    session?.decided.push(
      { ...item, id: 3, request_id: 'r3', command: 'make', decision: 'denied', decided_by: CALLER },
      { ...item, id: 2, request_id: 'r2', command: 'ls', decision: 'approved' },
      { ...item, id: 1, request_id: 'r1', command: 'pwd', decision: null, decided_at: null },
    );
    const page = await visit(`${server.url}s/od-0000?tab=session`, options);
    const talk = page.getByRole('navigation').getByRole('button', { name: 'Talk', exact: true });
    if (await talk.isVisible()) await talk.tap();
    await page.getByText('Requests and who decided them').click();
    const decided = page.getByTestId('decided').getByRole('listitem');
    await expect.poll(() => decided.count()).toBe(3);
    const words = await decided.allTextContents();
    expect(words[0]).toMatch(
      /^make.*Denied.* ago by a token from 10\.0\.0\.7, by WebSocket \(ws-3\)$/,
    );
    expect(words[1]).toMatch(/^ls.*Approved.* ago, not by a client of this server$/);
    expect(words[2]).toBe('pwdWaits');
  },
);

it('says that nothing can be stored and what to do, and takes it back when that is over', async () => {
  const server = await fixture({ sessions: 2 });
  server.health.degraded = 'read_only';
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  const banner = page.getByTestId('degraded');
  await expect.poll(() => banner.textContent()).toContain('The database is read-only (read_only)');
  expect(await banner.textContent()).toContain('writable for the user that runs the server');
  Object.assign(server.health, { degraded: 'corrupt', remedy: 'restore FILE, says the server' });
  await expect.poll(() => banner.textContent()).toContain('restore FILE, says the server');
  delete server.health.degraded;
  await expect.poll(() => banner.count()).toBe(0);
});

it('says to a caller that may only read why, once, and how that is changed', async () => {
  const server = await fixture({ sessions: 2, scopes: ['read'] });
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  const banner = page.getByTestId('read-only');
  await expect.poll(() => banner.textContent()).toContain('generate-token');
  await banner.getByRole('button', { name: 'OK' }).click();
  expect(await banner.count()).toBe(0);
});
