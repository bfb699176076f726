/** Item 5 for real: the page steers sessions of the real Codex through the public protocol. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../../support/asking.ts';
import { type CodexSetup, createSteered, openCodexSetup } from '../../support/codex-setup.ts';
import { useBrowser, visit } from '../support/browser-page.ts';

useBrowser();
let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup();
});
afterAll(() => dock[Symbol.asyncDispose]());

/** A new session, and the page that shows its conversation. */
async function open(): Promise<Page> {
  const session = await createSteered(await dock.client(), { cwd: dock.home.project });
  const page = await visit(`${dock.server.url}/visualizer/s/${session.id}?tab=session`);
  await page.locator('.composer').waitFor();
  return page;
}

async function say(page: Page, ...lines: string[]): Promise<void> {
  await page.locator('.composer textarea').fill(lines.join('\n'));
  await page.locator('.composer [type=submit]').click();
}

/** Ends a session as the app does. */
async function end(page: Page): Promise<void> {
  const session_id = decodeURIComponent(/\/s\/([^/?]+)/.exec(page.url())?.[1] ?? '');
  const answer = await ask(await dock.client(), { type: 'end_session', session_id });
  expect(answer.type).toBe('ack');
}

const PATIENT = { timeout: 15_000 };
const phase = (page: Page) => page.getByTestId('pill').textContent();

it('sends a message, approves what it asks for, and shows the states it goes through', async () => {
  const page = await open();
  const path = join(dock.home.codexHome, 'page-approved');
  await say(page, '!say I will ask.', `!esc touch ${path}`, '!say It is there.');
  const card = page.getByTestId('approval');
  await card.waitFor();
  expect(await card.textContent()).toContain(`touch ${path}`);
  // The card comes with the conversation, the pill with the chart's next record.
  await expect.poll(() => phase(page), PATIENT).toBe('permission');
  await card.getByRole('button', { name: /^Approve:/ }).click();
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
  await expect
    .poll(() => page.locator('.messages').textContent(), PATIENT)
    .toContain('It is there.');
  expect(await card.count()).toBe(0);
  expect(existsSync(path)).toBe(true);
  await page.keyboard.press('Escape');
  await page.getByRole('tab', { name: 'Events' }).click();
  await expect
    .poll(() => page.getByTestId('event-list').textContent(), PATIENT)
    .toMatch(/client.*approval\.decided/);
});

it('denies with words that the model receives', async () => {
  const page = await open();
  const path = join(dock.home.codexHome, 'page-denied');
  await say(page, `!esc touch ${path}`);
  const card = page.getByTestId('approval');
  await card.getByRole('button', { name: /^Deny:/ }).click();
  await card.getByLabel('Tell it why').fill('use another folder');
  await card.getByRole('button', { name: 'Deny and go on' }).click();
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
  expect(existsSync(path)).toBe(false);
  expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('use another folder');
});

it('answers questions by choice and in words, or declines them', async () => {
  const page = await open();
  await say(page, '!ask Which way?;How fast?');
  const card = page.getByTestId('approval');
  const choice = card.locator('.choice').first();
  const way = (await choice.locator('b').textContent()) ?? '';
  await choice.click();
  await card.getByLabel('Your own words').last().fill('as fast as you can');
  await card.getByRole('button', { name: 'Answer', exact: true }).click();
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
  const said = JSON.stringify(dock.api.requests.at(-1)?.input);
  expect(way).not.toBe('');
  expect(said).toContain(way);
  expect(said).toContain('as fast as you can');
  await say(page, '!ask Sure?');
  await card.getByRole('button', { name: 'Decline' }).click();
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
});

it('steers a running turn, and interrupts it', async () => {
  const page = await open();
  await say(page, '!wait steered');
  await expect.poll(() => phase(page), PATIENT).toBe('working');
  await page.getByLabel('Words for the running turn').fill('take the short way');
  await page.getByRole('button', { name: 'Steer' }).click();
  await expect
    .poll(() => page.locator('.message-steer').textContent(), PATIENT)
    .toContain('take the short way');
  dock.api.open('steered');
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
  await say(page, '!hang');
  await expect.poll(() => phase(page), PATIENT).toBe('working');
  await page.getByRole('button', { name: 'Interrupt' }).click();
  await page.getByRole('button', { name: 'Really interrupt?' }).click();
  await expect.poll(() => phase(page), PATIENT).toBe('idle');
});

it('shows its connector as a child actor, stopped within a second, and as it was before', async () => {
  const page = await open();
  const pill = page.getByTestId('actor');
  await expect.poll(() => pill.textContent(), PATIENT).toBe('connectorrunning');
  await pill.click();
  await page.waitForURL(/\/s\/[^/]+\/connector/);
  const card = page.getByTestId('actor-card');
  await expect.poll(() => card.textContent()).toMatch(/Appeared#\d+ link\.requested from/);
  expect(await page.getByTestId('actor-status').textContent()).toBe('running');
  await end(page);
  await expect.poll(() => pill.textContent(), { timeout: 1000 }).toBe('connectorstopped');
  await expect.poll(() => card.textContent()).toMatch(/Stopped#\d+ end\.requested from client/);
  expect(await page.getByTestId('actor-status').textContent()).toBe('stopped');
  await card.getByRole('button', { name: /link\.requested/ }).click();
  await expect.poll(() => page.getByTestId('actor-status').textContent()).toBe('running');
  expect(await pill.textContent()).toBe('connectorrunning');
  await page.reload();
  await expect.poll(() => page.getByTestId('actor-status').textContent()).toBe('running');
  await page.keyboard.press('End');
  await expect.poll(() => pill.textContent()).toBe('connectorstopped');
  await card.getByRole('button', { name: /Back to/ }).click();
  await page.waitForSelector('.chart .leaf.on');
});
