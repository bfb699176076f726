/** Keys that lead everywhere: two letters for the pages, one field for all, and none while something is typed. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fixture, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';
import { playStory } from '../support/story.ts';

useBrowser();

async function story(): Promise<Fixture> {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  return server;
}

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

async function openPalette(page: Page): Promise<void> {
  await press(page, 'Control+k');
  await page.locator('.palette-field:focus').waitFor();
}

it('goes to inbox, sessions and board by two letters', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  for (const [letter, place] of [
    ['b', 'board'],
    ['i', 'inbox'],
    ['s', 'sessions'],
  ] as const) {
    await press(page, 'g', letter);
    await page.waitForURL(new RegExp(`/visualizer/${place}$`));
  }
});

it('finds a session by its words and opens it, by keys alone, also out of a field', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.getByLabel('Filter sessions').focus();
  await press(page, 'Control+k');
  const dialog = page.getByRole('dialog', { name: 'Go to' });
  const field = dialog.getByRole('combobox');
  expect(await field.evaluate((one) => one === document.activeElement)).toBe(true);
  // Without words: what waits, the longest wait first.
  expect(await dialog.getByRole('option').first().textContent()).toContain('Move order totals');
  await page.keyboard.type('csv import');
  const found = dialog.getByRole('option', { selected: true });
  await expect.poll(() => found.textContent()).toContain('Rewrite the CSV importer as a stream');
  await press(page, 'Enter');
  await page.waitForURL(/\/s\/od-0008/);
  expect(await dialog.count()).toBe(0);
});

it('does what a command says, searches for what nothing is called, and closes with Escape', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  await openPalette(page);
  await page.keyboard.type('board');
  await press(page, 'Enter');
  await page.getByTestId('board').waitFor();
  await openPalette(page);
  await press(page, 'Escape');
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  await openPalette(page);
  await page.keyboard.type('no such thing');
  await press(page, 'Enter');
  await page.waitForURL(/\/visualizer\/search\?q=no\+such\+thing$/);
});

it('opens the field again for a key that follows Escape before the next frame', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  await openPalette(page);
  await page.keyboard.type('old words');
  await page.evaluate(async () => {
    const down = (key: string, ctrlKey = false): void => {
      const options = { key, ctrlKey, bubbles: true, cancelable: true };
      document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', options));
    };
    down('Escape');
    // What the page does for a key is done before the next key; no frame is drawn in between.
    await new Promise((resolve) => queueMicrotask(() => resolve(null)));
    down('k', true);
  });
  await expect.poll(() => page.locator('.palette-field:focus').inputValue()).toBe('');
});

it('gives the focus back to where it was, closed by Escape or by its button', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  const menu = page.getByRole('button', { name: 'Menu and keys' });
  for (const close of [
    () => press(page, 'Escape'),
    () => page.getByRole('button', { name: 'Close' }).click(),
  ]) {
    await menu.focus();
    await press(page, 'Enter');
    await page.getByRole('dialog').waitFor();
    await close();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await menu.evaluate((one) => one === document.activeElement)).toBe(true);
  }
});

it('answers questions by digit while one has the focus', async () => {
  const server = await story();
  const page = await visit(`${server.url}inbox`);
  await page.getByRole('heading', { name: '1 of 5' }).waitFor();
  await press(page, 'j');
  const card = page.getByRole('region', { name: 'It asks you 2 questions' });
  const zone = card.getByRole('radio', { name: /UTC/ });
  await zone.waitFor();
  await expect.poll(() => zone.isEnabled()).toBe(true);
  await card.getByRole('radio').first().focus();
  await press(page, '2');
  expect(await zone.isChecked()).toBe(true);
  await card.getByRole('checkbox').first().focus();
  await press(page, '1', '3');
  expect(await card.getByRole('checkbox', { name: /Daily snapshots/ }).isChecked()).toBe(true);
  expect(await card.getByRole('button', { name: 'Answer', exact: true }).isEnabled()).toBe(true);
});

it('snoozes by key, and takes it back', async () => {
  const server = await story();
  const page = await visit(`${server.url}inbox`);
  await page.getByRole('heading', { name: '1 of 5' }).waitFor();
  await press(page, 'h');
  await page.getByRole('button', { name: '15 min' }).click();
  await page.getByRole('heading', { name: '1 of 4' }).waitFor();
  await press(page, 'z');
  // The one that was shown stays.
  await page.getByRole('heading', { name: '2 of 5' }).waitFor();
});

it('puts the cursor into the message by R, and asks once before I interrupts', async () => {
  const server = await story();
  const page = await visit(`${server.url}s/od-0001`);
  const field = page.getByLabel('Message to the session');
  await field.waitFor();
  await press(page, 'i');
  await page.getByRole('button', { name: 'Really interrupt?' }).waitFor();
  expect(server.said).not.toContainEqual(expect.objectContaining({ type: 'interrupt_session' }));
  await press(page, 'r');
  expect(await field.evaluate((one) => one === document.activeElement)).toBe(true);
  await press(page, 'g', 'b');
  expect(await field.inputValue()).toBe('gb');
});

it('does nothing by single letters when they are switched off', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  await press(page, '?');
  await page.getByRole('checkbox', { name: 'Single letters are keys' }).uncheck();
  await page.getByRole('button', { name: 'Close' }).click();
  await press(page, 'g', 'b');
  await press(page, 'Control+k');
  await page.getByRole('dialog', { name: 'Go to' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/visualizer/sessions');
});
