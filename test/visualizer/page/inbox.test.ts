/** The inbox: what waits for a person across all sessions, one after the other. */
import { expect, it } from 'vitest';
import { asks, fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';

useBrowser();

const at = (minute: number): string => `2030-01-01T00:0${minute}:00.000000Z`;

/** A command waits longest, then two questions, then a command of a session that is only watched. */
function threeWait({ sessions }: Fixture): void {
  const questions = ['Which database?', 'Which tests?'].map((question) => ({
    question,
    options: [{ label: 'One' }, { label: 'Two' }],
    multi_select: false,
  }));
  const requests = [
    [sessions[1], { command: 'npm run db:migrate', tool_name: 'Bash' }],
    [sessions[4], { type: 'question', tool_name: 'AskUserQuestion', questions }],
    [sessions[0], { command: 'git push', tool_name: 'Bash' }],
  ] as const;
  for (const [order, [session, request]] of requests.entries()) {
    session?.send({ type: 'turn.started', at: at(0), promptId: null, prompt: null } as never);
    asks(session, { id: `r-${order}`, ...request } as never, at(order + 1));
  }
}

/** What a provider says once a decision has reached it. */
function settled({ sessions }: Fixture, index: number, requestId: string): void {
  sessions[index]?.send({
    type: 'approval.resolved',
    at: at(9),
    requestId,
    server: null,
    decision: 'approved',
  });
}

it('shows who waits longest first, and the next one after each decision', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  threeWait(server);
  const page = await visit(`${server.url}sessions`);
  await page.getByRole('link', { name: /^Inbox\s*,\s*3$/ }).click();
  await page.waitForURL(/\/visualizer\/inbox$/);
  await page.getByRole('heading', { name: '1 of 3' }).waitFor();
  const first = page.getByRole('list', { name: 'Waits for you' }).getByRole('listitem').first();
  expect(await first.textContent()).toMatch(/web-client-1.*Run a command: npm run db:migrate/);
  expect(await page.title()).toMatch(/^\(3\) Run a command: web-client-1/);
  const card = page.getByRole('region', { name: 'May it run this command?' });
  expect(await card.getByTestId('asked-text').textContent()).toBe('npm run db:migrate');
  await card.getByRole('button', { name: 'Approve: npm run db:migrate' }).click();
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({ type: 'approve_tool', session_id: 'od-0001', decision: 'approved' });
  settled(server, 1, 'r-0');
  await page.getByRole('heading', { name: '1 of 2' }).waitFor();
  const questions = page.getByRole('region', { name: 'It asks you 2 questions' });
  await questions.waitFor();
  // What had the focus is gone; it goes on at the question of the next one.
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.textContent))
    .toContain('It asks you');
  await questions
    .getByRole('group', { name: /Which database/ })
    .getByLabel('One')
    .check();
  await questions
    .getByRole('group', { name: /Which tests/ })
    .getByLabel('Two')
    .check();
  await questions.getByRole('button', { name: 'Answer' }).click();
  await expect.poll(() => server.said.at(-1)).toMatchObject({ type: 'answer_question' });
  settled(server, 4, 'r-1');
  await page.getByRole('heading', { name: '1 of 1' }).waitFor();
  await expect.poll(() => page.getByTestId('where-to-answer').textContent()).toContain('terminal');
  expect(await page.getByRole('button', { name: /^(Approve|Deny|Answer)/ }).count()).toBe(0);
  settled(server, 0, 'r-2');
  await expect
    .poll(() => page.getByTestId('nothing-waits').textContent())
    .toContain('Nothing waits');
  expect(await page.title()).toBe('OrbitDock');
});

it('goes through all requests by key, denies one with words, and opens its session', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  threeWait(server);
  const page = await visit(`${server.url}inbox`);
  await page.getByRole('heading', { name: '1 of 3' }).waitFor();
  await page.keyboard.press('j');
  await page.getByRole('region', { name: 'It asks you 2 questions' }).waitFor();
  await page.keyboard.press('j');
  await page.getByRole('heading', { name: '3 of 3' }).waitFor();
  await page.keyboard.press('k');
  await page.keyboard.press('k');
  const deny = page.getByRole('button', { name: 'Deny: npm run db:migrate' });
  await expect.poll(() => deny.isEnabled()).toBe(true);
  await page.keyboard.press('d');
  await page.getByRole('textbox', { name: 'Tell it why' }).fill('only on staging');
  await page.getByRole('button', { name: 'Deny and go on' }).click();
  await expect
    .poll(() => server.said.at(-1))
    .toMatchObject({ decision: 'denied', message: 'only on staging' });
  await page.getByRole('button', { name: 'Open session' }).click();
  await page.waitForURL(/\/s\/od-0001/);
  await page.getByTestId('session').waitFor();
});

it('is used by thumb on a phone, and survives a reload', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  threeWait(server);
  const page = await visit(`${server.url}sessions`, PHONE);
  await page.getByRole('link', { name: /^Inbox/ }).tap();
  await page.getByRole('heading', { name: '1 of 3' }).waitFor();
  await page.getByRole('button', { name: 'Next request' }).tap();
  await page.getByRole('button', { name: 'Previous request' }).tap();
  const approve = page.getByRole('button', { name: /^Approve: npm/ });
  expect((await approve.boundingBox())?.width).toBeGreaterThan(300);
  await page.reload();
  await approve.tap();
  await expect.poll(() => server.said.at(-1)).toMatchObject({ decision: 'approved' });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

it('breaks a command on a phone between its words and not behind the dash of an option', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  const command = 'npm run db:migrate -- --env production --lock-timeout 30s --dry-run --verbose';
  asks(server.sessions[1], { command, tool_name: 'Bash' });
  const page = await visit(`${server.url}inbox`, PHONE);
  const asked = page.getByTestId('asked-text');
  await expect.poll(() => asked.textContent()).toBe(command);
  const options = await asked
    .locator('.option')
    .evaluateAll((all) => all.map((one) => [one.textContent, one.getClientRects().length]));
  expect(options).toEqual([
    ['--', 1],
    ['--env', 1],
    ['--lock-timeout', 1],
    ['--dry-run', 1],
    ['--verbose', 1],
  ]);
});
