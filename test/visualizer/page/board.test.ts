/** The board: columns by project, state or agent, cards that say it in words, and a way to each request. */
import { expect, it } from 'vitest';
import { asks, fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';
import { playStory } from '../support/story.ts';

useBrowser();

async function story(): Promise<Fixture> {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  return server;
}

it('has a column for each project, the one that waits longest first, ended ones folded', async () => {
  const server = await story();
  const page = await visit(`${server.url}board`);
  const columns = page.locator('.board-column');
  await expect.poll(() => columns.count()).toBe(6);
  expect(await columns.first().getAttribute('aria-label')).toBe('shop-api');
  const books = page.getByRole('region', { name: 'handbook' });
  const cards = books.getByRole('listitem');
  expect(await cards.count()).toBe(1);
  await books.getByRole('button', { name: 'Ended 3' }).click();
  await expect.poll(() => cards.count()).toBe(4);
  expect(await page.locator('.board-summary').textContent()).toMatch(
    /^5 wait for you, longest 1\d\smin · 1 failed · 3 work$/,
  );
});

it('remembers what its columns are', async () => {
  const server = await story();
  const page = await visit(`${server.url}board`);
  const names = () =>
    page.locator('.board-column').evaluateAll((all) => all.map((one) => one.ariaLabel));
  await page.getByRole('button', { name: 'By state' }).click();
  const states = ['Waits for you', 'Failed', 'Working', 'Idle', 'Ended'];
  await expect.poll(names).toEqual(states);
  await page.reload();
  await expect.poll(names).toEqual(states);
  await page.getByRole('button', { name: 'By agent' }).click();
  await expect.poll(names).toEqual(['Codex', 'Claude']);
});

it('leads from a card to the whole request, or to the session', async () => {
  const server = await story();
  const page = await visit(`${server.url}board`);
  await page.getByRole('button', { name: 'Read plan…' }).click();
  await page.getByRole('region', { name: 'May it carry out this plan?' }).waitFor();
  await page.goBack();
  await page.getByRole('link', { name: /^Split the settings screen/ }).click();
  await page.waitForURL(/\/s\/od-000a/);
});

it('holds still under the pointer, and sorts when it is asked to', async () => {
  const server = await story();
  const page = await visit(`${server.url}board`);
  await page.getByRole('button', { name: 'By state' }).click();
  await page.locator('.board-card').first().hover();
  const waiting = page.getByRole('region', { name: 'Waits for you' }).getByRole('listitem');
  await expect.poll(() => waiting.count()).toBe(5);
  const now = `${new Date().toISOString().slice(0, -1)}000Z`;
  asks(server.sessions[9], { command: 'git push', tool_name: 'Bash' }, now);
  const sort = page.getByRole('button', { name: '1 moved · Sort now' });
  await sort.waitFor();
  expect(await waiting.count()).toBe(5);
  await sort.click();
  await expect.poll(() => waiting.count()).toBe(6);
});

it('draws few of a thousand cards until more are asked for', async () => {
  const server = await fixture({ sessions: 1000 }, 1);
  const page = await visit(`${server.url}board`);
  await page.getByRole('button', { name: 'By agent' }).click();
  const cards = page.locator('.board-card');
  await expect.poll(() => cards.count()).toBe(40);
  await page.getByRole('button', { name: 'Show 100 more' }).first().click();
  await expect.poll(() => cards.count()).toBe(140);
});

it('stands in one column on a phone, without sideways scrolling', async () => {
  const server = await story();
  const page = await visit(`${server.url}board`, PHONE);
  await page.locator('.board-card').first().waitFor();
  const widths = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('.board-page, .board')].map(
      (one) => one.scrollWidth - one.clientWidth,
    ),
  );
  expect(Math.max(...widths)).toBe(0);
});
