/** Exported files, opened in the page: looked at as a session, without the server, and closed again. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { MACHINE_VERSION, snapshotFrom, storedForm } from '../../../machines/index.ts';
import type { FakeSession } from '../support/actors.ts';
import { expectFaults, fixture, litStates, useBrowser, visit } from '../support/browser-page.ts';
import { playStory } from '../support/story.ts';

useBrowser();

/** A session's journal as the server exports it, with the words left as they are. */
function bundleOf(
  { id, input, records, contexts }: FakeSession,
  version = MACHINE_VERSION,
): string {
  const lines: object[] = [
    {
      kind: 'orbitdock.incident',
      format: 1,
      session: id,
      journal: { first: 1, last: 1, cut: false },
    },
    {
      kind: 'base',
      seq: 0,
      machine_version: version,
      snapshot: storedForm(snapshotFrom(input)),
    },
    ...records.map(({ seq, at, origin, value, accepted, revision }) => ({
      ...{ kind: 'event', seq, at, origin, value, accepted, revision },
      event: contexts.get(seq)?.event,
    })),
  ];
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

async function open(page: Page, name: string, text: string): Promise<void> {
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Menu' }).waitFor();
  await page.locator('input[accept=".jsonl"]').setInputFiles({
    ...{ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) },
  });
}

/** A page of a server that knows nothing of the file's session. */
async function elsewhere(): Promise<Page> {
  const server = await fixture({ sessions: 1 }, 1);
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  return page;
}

async function journal(version?: number): Promise<string> {
  const server = await fixture({ sessions: 15 }, 0);
  playStory(server);
  return bundleOf(server.sessions[1] as FakeSession, version);
}

it('shows the conversation, the chart and the timeline of a journal that is opened', async () => {
  const page = await elsewhere();
  await open(page, 'incident.jsonl', await journal());
  const talk = page.getByTestId('session');
  await expect.poll(() => talk.textContent()).toContain('Also handle Windows line ends.');
  expect(await talk.textContent()).toContain('This session has ended.');
  expect(await talk.getByText('3 of 58 failed').count()).toBe(1);
  await page.getByRole('button', { name: 'Timeline' }).click();
  const words = page.getByTestId('journal');
  await expect.poll(() => words.textContent()).toContain('1 request');
  await page.getByRole('button', { name: '‹ Request before' }).click();
  await expect
    .poll(() => page.locator('.journal-now').textContent())
    .toContain('You look at the past');
  await page.getByRole('tab', { name: 'States' }).click();
  await expect.poll(() => litStates(page)).toContain('session.phase.active.requests.permission');
  await page.getByRole('tab', { name: 'Events' }).click();
  await page.getByText('approval.requested').first().waitFor();
});

it('says what an opened file does not hold, and is closed again', async () => {
  const page = await elsewhere();
  await open(page, 'incident.jsonl', await journal());
  await page.getByTestId('session').waitFor();
  await page.keyboard.press('w');
  await expect.poll(() => page.locator('#tab-panel').textContent()).toContain('does not hold');
  await page.keyboard.press('?');
  await page.getByRole('button', { name: 'Close this file' }).click();
  await expect.poll(() => page.getByRole('link', { name: /^File: incident/ }).count()).toBe(0);
});

it('shows a conversation that was exported as JSON lines', async () => {
  const page = await elsewhere();
  const lines = [
    { type: 'session', session: { id: 'od-9', provider: 'codex', project_path: '/src/shop' } },
    {
      type: 'message',
      message: {
        ...{
          id: 'm1',
          session_id: 'od-9',
          message_type: 'assistant',
          content: 'All **done** here.',
        },
        ...{ tool_name: null, tool_input: null, tool_output: null, is_error: false },
        ...{ timestamp: '2030-01-01T00:00:00Z', duration_ms: null },
      },
    },
  ];
  await open(page, 'talk.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
  await expect.poll(() => page.getByTestId('session').textContent()).toContain('All done here.');
});

it('shows states of a journal of another version of the chart, and says what it cannot', async () => {
  const page = await elsewhere();
  await open(page, 'old.jsonl', await journal(1));
  await expect
    .poll(() => page.getByTestId('notice').textContent())
    .toContain('another version of the chart');
  await page.getByRole('button', { name: 'Chart', exact: true }).click();
  await expect.poll(() => litStates(page)).toContain('session.phase.active.requests.permission');
});

it('refuses what is no export, in words, and names the damaged line', async () => {
  const page = await elsewhere();
  await open(page, 'notes.jsonl', '{"a":1}\n');
  const alert = page.getByRole('dialog').getByRole('alert');
  await expect.poll(() => alert.textContent()).toContain('notes.jsonl is no export of OrbitDock');
  await page.locator('input[accept=".jsonl"]').setInputFiles({
    ...{ name: 'cut.jsonl', mimeType: 'application/jsonl' },
    buffer: Buffer.from(`${(await journal()).slice(0, -40)}`),
  });
  await expect.poll(() => alert.textContent()).toMatch(/Line \d+ of cut\.jsonl is damaged/);
});

it('asks a server nothing about it, also after the line was lost', async () => {
  const server = await fixture({ sessions: 1 }, 1);
  const page = await visit(`${server.url}sessions`);
  await page.locator('.virtual-row').first().waitFor();
  await open(page, 'incident.jsonl', await journal());
  await page.getByTestId('session').waitFor();
  await server.close();
  expectFaults(/ERR_CONNECTION_REFUSED|WebSocket|net::/);
  await page.getByTestId('offline').waitFor();
  await page.getByRole('button', { name: 'Timeline' }).click();
  await page.getByTestId('journal').waitFor();
  expect(JSON.stringify(server.said)).not.toContain('file:');
  expectFaults(/ERR_CONNECTION_REFUSED|WebSocket|net::/);
});
