/** How a person who looks elsewhere learns that something waits, and how it is put off. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { asks, fixture, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

declare global {
  interface Window {
    notified: { title: string; body: string; isOpen: boolean }[];
  }
}

/** A browser that lets the page notify, records what the page notifies, and is not in front. */
async function notifying(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.notified = [];
    class RecordedNotification {
      static permission = 'granted';
      static requestPermission = async () => 'granted';
      onclick: (() => void) | null = null;
      #index: number;
      constructor(title: string, { body = '' }: { body?: string } = {}) {
        this.#index = window.notified.push({ title, body, isOpen: true }) - 1;
      }
      close(): void {
        const notified = window.notified[this.#index];
        if (notified) notified.isOpen = false;
      }
    }
    Object.assign(window, { Notification: RecordedNotification });
    document.hasFocus = () => false;
  });
}

it('notifies about a new request once it is switched on, and takes it back when it was answered', async () => {
  const server = await fixture({ sessions: 6 }, 0);
  const page = await visit(`${server.url}sessions`, { seen: notifying });
  await page.locator('.virtual-row').first().waitFor();
  const notified = () => page.evaluate(() => window.notified);
  asks(server.sessions[0], { id: 'early', command: 'ls' });
  await expect.poll(() => page.title()).toMatch(/^\(1\) Run a command:/);
  await page.getByRole('button', { name: 'Menu and keys' }).click();
  await page.getByLabel('Notify me in this browser').check();
  await page.keyboard.press('Escape');
  asks(server.sessions[1], { id: 'r-2', command: 'git push', tool_name: 'Bash' });
  await expect.poll(notified).toMatchObject([{ body: 'Run a command: git push', isOpen: true }]);
  server.sessions[1]?.send({
    type: 'approval.resolved',
    at: '2030-01-01T00:00:09.000000Z',
    requestId: 'r-2',
    server: null,
    decision: 'approved',
  } as never);
  await expect.poll(notified).toMatchObject([{ isOpen: false }]);
  await page.reload();
  await page.locator('.virtual-row').first().waitFor();
  for (const index of [1, 2, 3, 4]) {
    asks(server.sessions[index], { id: `many-${index}`, command: 'git push', tool_name: 'Bash' });
  }
  await expect.poll(notified).toMatchObject([{ title: '4 sessions wait for you' }]);
});

it('stays silent until it is switched on', async () => {
  const server = await fixture({ sessions: 3 }, 0);
  const page = await visit(`${server.url}sessions`, { seen: notifying });
  await page.locator('.virtual-row').first().waitFor();
  asks(server.sessions[1], { command: 'git push' });
  await expect.poll(() => page.title()).toMatch(/^\(1\)/);
  const icon = page.locator('link[rel=icon]');
  expect(await icon.getAttribute('href')).toContain('icon-waits');
  asks(server.sessions[2], { id: 'r-2', command: 'git pull' });
  await expect.poll(() => page.title()).toMatch(/^\(2\)/);
  for (const [index, requestId] of [
    [1, 'r-1'],
    [2, 'r-2'],
  ] as const) {
    server.sessions[index]?.send({
      ...{ type: 'approval.resolved', at: '2030-01-01T00:00:09.000000Z' },
      ...{ requestId, server: null, decision: 'approved' },
    } as never);
  }
  await expect.poll(() => page.title()).toBe('OrbitDock');
  expect(await icon.getAttribute('href')).toMatch(/icon[^/]*\.svg$/);
  expect(await icon.getAttribute('href')).not.toContain('icon-waits');
  await page.waitForFunction(() => performance.now() > 0);
  expect(await page.evaluate(() => window.notified)).toEqual([]);
});

it('puts a request off, counts it no more, and brings it back', async () => {
  const server = await fixture({ sessions: 3 }, 0);
  asks(server.sessions[1], { id: 'one', command: 'npm run build', tool_name: 'Bash' });
  asks(
    server.sessions[2],
    { id: 'two', command: 'npm test', tool_name: 'Bash' },
    '2030-01-01T00:00:01.000000Z',
  );
  const page = await visit(`${server.url}inbox`);
  await page.getByRole('heading', { name: '1 of 2' }).waitFor();
  await page.keyboard.press('h');
  await page.getByRole('button', { name: '15 min' }).click();
  await page.getByRole('heading', { name: '1 of 1' }).waitFor();
  expect(await page.title()).toMatch(/^\(1\)/);
  await page.reload();
  await page.getByRole('heading', { name: '1 of 1' }).waitFor();
  await page.getByRole('button', { name: 'Show now' }).click();
  await page.getByRole('heading', { name: /of 2$/ }).waitFor();
});

it('goes on from requests to what failed and what finished, until it was seen', async () => {
  const server = await fixture({ sessions: 3 }, 0);
  const page = await visit(`${server.url}inbox`);
  await page.getByTestId('nothing-waits').waitFor();
  const at = (second: number): string =>
    `${new Date(Date.now() + 5000 + second * 1000).toISOString().slice(0, -1)}000Z`;
  const message = {
    ...{ id: 'm', session_id: 'od-0001', message_type: 'assistant', content: 'All done.' },
    ...{ tool_name: null, tool_input: null, tool_output: null, is_error: false },
    ...{ timestamp: at(0).slice(0, 23).concat('Z'), duration_ms: null },
  };
  const send = (event: object) => server.sessions[1]?.send(event as never);
  send({ type: 'turn.started', at: at(0), promptId: null, prompt: 'Go' });
  send({ type: 'message.added', at: at(1), message });
  send({ type: 'turn.completed', at: at(2), backgroundAgents: null });
  await page.getByRole('heading', { name: 'Finished, not read yet', level: 1 }).waitFor();
  await expect
    .poll(() => page.getByRole('region', { name: 'What it said last' }).textContent())
    .toContain('All done.');
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await page.getByTestId('nothing-waits').waitFor();
});
