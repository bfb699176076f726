/** The list in words: groups, what is folded, filters that are kept, and where the page begins. */
import { expect, it } from 'vitest';
import { asks, fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';
import { playStory } from '../support/story.ts';

useBrowser();

/** Fifteen sessions: five wait, one failed, three have ended. */
async function story(): Promise<Fixture> {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  return server;
}

it('names the one that waits longest first, with its command, without a press', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  const first = page
    .getByRole('list', { name: 'Waits for you' })
    .getByRole('listitem')
    .first()
    .getByRole('link');
  await expect.poll(() => first.count()).toBe(1);
  const named = page.getByRole('link', {
    name: /^Move order totals to integer cents.*, waits for you 1\d min.*Run a command: npm run db:migrate -- --env p/,
  });
  expect(await named.count()).toBe(1);
  expect(await first.textContent()).toContain('Move order totals');
});

it('groups by state, folds what has ended, by project too, and remembers all of that', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`, { viewport: { width: 1440, height: 1600 } });
  const heads = () => page.locator('.group-head button').allTextContents();
  await expect
    .poll(heads)
    .toEqual(['Waits for you 5longest first', 'Failed 1', 'Working 3', 'Idle 3', 'Ended 3']);
  expect(await page.locator('.virtual-row').count()).toBe(12);
  const ended = page.getByRole('button', { name: 'Ended 3' });
  expect(await ended.getAttribute('aria-expanded')).toBe('false');
  await ended.click();
  await expect.poll(() => page.locator('.virtual-row').count()).toBe(15);
  await page.getByLabel('Order').selectOption('project');
  await expect.poll(async () => (await heads())[0]).toBe('shop-api 3');
  await page.reload();
  await expect.poll(async () => (await heads())[0]).toBe('shop-api 3');
  await expect.poll(() => page.locator('.virtual-row').count()).toBe(15);
});

it('filters by one thing or another, keeps a filter, and forgets it', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  const filter = page.getByLabel('Filter sessions');
  const titles = () => page.locator('.row-name').allTextContents();
  await filter.fill('is:failed');
  await expect.poll(titles).toEqual(['Regenerate the OpenAPI client']);
  await filter.fill('project:etl is:waiting');
  await expect.poll(titles).toEqual(['Abrechnungslauf schlägt bei Sommerzeitumstellung fehl']);
  await filter.fill('is:ended');
  await expect.poll(async () => (await titles()).length).toBe(3);
  await filter.fill('is:watched project:shop-web');
  await page.getByRole('button', { name: 'Save filter…' }).click();
  await page.getByLabel('Name of the filter').fill('The shop');
  await page.keyboard.press('Enter');
  await page.reload();
  const kept = page.getByRole('button', { name: /^The shop \d/ });
  await kept.click();
  await expect.poll(() => filter.inputValue()).toBe('is:watched project:shop-web');
  expect(await titles()).toContain('Find the flaky checkout test');
  await page.getByRole('button', { name: 'Forget filter' }).click();
  await filter.fill('');
  expect(await kept.count()).toBe(0);
});

it('shows each session in one line where that is wanted, and remembers it', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  const row = page.locator('.virtual-row', { hasText: 'Move order totals' });
  await expect.poll(async () => (await row.boundingBox())?.height).toBe(88);
  await page.getByRole('button', { name: 'Compact', exact: true }).click();
  await page.reload();
  await expect.poll(async () => (await row.boundingBox())?.height).toBe(44);
  expect(await row.getByRole('link').textContent()).toMatch(
    /Move order totals to integer cents Run a command: npm run db:migrate.*waits for you 1\d\smin/,
  );
});

it('says how many have moved while it holds still, and sorts when it is asked to', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().hover();
  const waiting = page.getByRole('list', { name: 'Waits for you' }).getByRole('listitem');
  const [, , , , , , , , , busy] = server.sessions;
  const now = `${new Date().toISOString().slice(0, -1)}000Z`;
  asks(busy, { command: 'git push', tool_name: 'Bash' }, now);
  await expect.poll(() => page.locator('.sessions-foot').textContent()).toContain('1 moved');
  expect(await waiting.count()).toBe(5);
  await page.getByRole('button', { name: 'Sort now' }).click();
  await expect.poll(() => waiting.count()).toBe(6);
  expect(await waiting.last().textContent()).toContain('Add rate limits per API key');
});

it('says what finished and was not read here, until it is opened', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  const at = `${new Date(Date.now() + 5000).toISOString().slice(0, -1)}000Z`;
  server.sessions[9]?.send({ type: 'turn.completed', at, backgroundAgents: null } as never);
  const finished = page.getByRole('list', { name: 'Finished, not read yet' });
  await expect
    .poll(() => finished.textContent())
    .toContain('Finished: The totals are floats in three places; I changed them.');
  await finished.getByRole('link').click();
  await page.mouse.move(900, 20);
  await page.getByRole('heading', { level: 1 }).focus();
  await expect.poll(() => finished.count()).toBe(0);
});

it('shows marks of Markdown nowhere in a row', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  const plan = page.locator('.virtual-row', { hasText: 'Plan to accept:' });
  await expect.poll(() => plan.textContent()).toContain('Cash on delivery');
  expect(await plan.textContent()).not.toMatch(/[#`*]/);
});

it('begins at the inbox when something waits, else at the sessions, and says so in its address', async () => {
  const asking = await story();
  const page = await visit(asking.url);
  await page.waitForURL(/\/visualizer\/inbox$/);
  await page.getByRole('heading', { name: '1 of 5' }).waitFor();
  const calm = await fixture({ sessions: 2 }, 0);
  const other = await visit(calm.url);
  await other.waitForURL(/\/visualizer\/sessions$/);
  await other.locator('.virtual-row').first().waitFor();
});

it('has one bar between its pages on a phone and at 200 %, and none inside a session', async () => {
  const server = await story();
  for (const options of [PHONE, { viewport: { width: 640, height: 360 } }]) {
    const page = await visit(`${server.url}sessions`, options);
    const named = page.getByRole('navigation').getByText('Sessions', { exact: true });
    await expect.poll(() => named.count()).toBe(1);
    await page.locator('.row-link').first().click();
    await page.getByTestId('session').waitFor();
    expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Back to the sessions' }).click();
    await expect.poll(() => named.count()).toBe(1);
  }
});

it('says what today has cost, and leads to the sums by day, project and agent', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.getByRole('link', { name: '$4.12 today' }).click();
  await page.waitForURL(/\/visualizer\/about$/);
  const usage = page.getByRole('region', { name: 'Usage' });
  const rows = () => usage.getByRole('row').allTextContents();
  await expect
    .poll(rows)
    .toEqual([
      'DayReadWrittenCost',
      '2030-01-0135,000200$4.12',
      '2030-01-0235,000200not reported',
      'All35,000200$4.12',
    ]);
  const limits = usage.getByRole('list', { name: 'Rate limits' }).getByRole('listitem');
  expect(await limits.allTextContents()).toEqual([
    expect.stringMatching(/^Codex, 5 hours87 % used, begins anew .*2090/),
    'Codex, 7 days12 % used',
  ]);
  await usage.getByLabel('Sums by').selectOption('project');
  await expect.poll(async () => (await rows())[1]).toBe('/src/shop-api35,000200$4.12');
});

it('says nothing of a cost that no agent reports', async () => {
  const server = await story();
  server.usage.cost_usd = null;
  const page = await visit(`${server.url}about`);
  const usage = page.getByRole('region', { name: 'Usage' });
  await expect.poll(() => usage.getByRole('row').last().textContent()).toContain('not reported');
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.locator('.virtual-row').first().waitFor();
  await expect.poll(() => server.usage.asked).toBe(2);
  expect(await page.getByTestId('cost-today').count()).toBe(0);
});

it('keeps filters, past sessions and cost in one line of the head', async () => {
  const server = await story();
  for (const width of [820, 1366, 1440]) {
    const page = await visit(`${server.url}sessions`, { viewport: { width, height: 900 } });
    await page.getByTestId('cost-today').waitFor();
    const tools = await page.locator('.sessions-tools').boundingBox();
    expect(tools?.height, `at ${width} px`).toBeLessThan(34);
  }
});

it('says in each row how full its context is and what it has cost today, and leaves no row half empty', async () => {
  const server = await story();
  asks(server.sessions[9], { command: 'git push', tool_name: 'Bash' });
  const page = await visit(`${server.url}sessions`, { viewport: { width: 1440, height: 1600 } });
  const row = page.getByRole('link', {
    name: /^Move order totals.* 62 % of context · \$1\.03 today$/,
  });
  await row.waitFor();
  await page.getByRole('button', { name: 'Ended 3' }).click();
  // Of the last one nobody says what it has cost.
  await expect
    .poll(() => page.locator('.virtual-row .row-numbers').last().textContent())
    .toMatch(/^\d+ % of context$/);
  const spaces = () =>
    page.$$eval('.virtual-row', (rows) =>
      rows.map((one) => {
        const { bottom } = one.getBoundingClientRect();
        return bottom - (one.querySelector('.row-place')?.getBoundingClientRect().bottom ?? 0);
      }),
    );
  await expect.poll(async () => Math.max(...(await spaces()))).toBeLessThan(10);
  expect(Math.min(...(await spaces()))).toBeGreaterThan(4);
});
