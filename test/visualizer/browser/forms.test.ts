/**
 * Forms of MCP servers, answered from the page: a real Codex runs a server that asks, the page shows its
 * fields, and what was filled in comes back to the server as values of the right kinds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { visibleText } from '../../../src/visible-text.ts';
import { type McpForm, mcpServerTable } from '../../support/asking-mcp-server.ts';
import {
  type CodexSetup,
  createSteered,
  openCodexSetup,
  type SteeredSession,
} from '../../support/codex-setup.ts';
import { PHONE, useBrowser, visit } from '../support/browser-page.ts';

const HOSTILE = {
  message: '<img src=x onerror=alert(1)> [click](javascript:alert(1)) \u202eevil',
  title: '</legend><script>alert(1)</script>\u200b',
  description: '"><svg onload=alert(1)>',
  choice: '<b onclick=alert(1)>yes</b>\u2066',
};
const FORMS = {
  order: form('Order a pizza', {
    name: { type: 'string', title: 'Name' },
    price: { type: 'number', title: 'Price' },
    hot: { type: 'boolean', title: 'Hot' },
    size: {
      type: 'string',
      title: 'Size',
      oneOf: [
        { const: 's', title: 'Small' },
        { const: 'l', title: 'Large' },
      ],
    },
    note: { type: 'string', title: 'Note' },
  }),
  bare: form('Shall I go on?', {}),
  hostile: form(HOSTILE.message, {
    field: { type: 'string', title: HOSTILE.title, description: HOSTILE.description },
    choice: { type: 'string', title: 'Choice', enum: [HOSTILE.choice, 'no'] },
  }),
};

function form(message: string, properties: Record<string, object>): McpForm {
  const required = Object.keys(properties).filter((key) => key !== 'note');
  return { message, requestedSchema: { type: 'object', properties, required } };
}

useBrowser();
const folder = mkdtempSync(join(tmpdir(), 'odx-forms-'));
let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup({ tables: mcpServerTable(folder, Object.values(FORMS)) });
});
afterAll(async () => {
  await dock[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A session whose MCP server asks that form, and the page that shows it. */
async function asked(name: keyof typeof FORMS, options = {}) {
  const session = await createSteered(await dock.client(), { cwd: dock.home.project });
  await session.client.waitFor(
    (frame) =>
      frame.type === 'mcp_startup_update' &&
      frame.session_id === session.id &&
      frame.status.state === 'ready',
  );
  await session.say(`!tool mcp__calc::survey {"form":${Object.keys(FORMS).indexOf(name)}}`);
  const page = await visit(`${dock.server.url}/visualizer/s/${session.id}?tab=session`, options);
  const card = page.getByTestId('approval');
  await card.getByRole('button', { name: 'Decline' }).waitFor();
  return { session, page, card };
}

/** What the server was answered, as it says itself. */
async function received(session: SteeredSession): Promise<unknown> {
  await session.idle();
  const survey = (await session.messages('tool')).find((one) => one.tool_name === 'calc:survey');
  return JSON.parse(/survey says (\{.*\})/.exec(survey?.tool_output ?? '')?.[1] ?? 'null');
}

const fieldset = (page: Page, legend: string) =>
  page.locator('.questionnaire fieldset').filter({ has: page.getByText(legend, { exact: true }) });

it('shows the fields of a form and gives the server their values', async () => {
  const { session, page, card } = await asked('order');
  expect(await card.textContent()).toContain('Order a pizza');
  expect(await card.textContent()).toContain('calc');
  const press = (field: string, name: string) =>
    fieldset(page, field).getByRole('radio', { name, exact: true }).check();
  await fieldset(page, 'Name').getByLabel('Your answer').fill('Ada "L" <ovelace>');
  await fieldset(page, 'Price').getByLabel('Your answer').fill('dear');
  await press('Hot', 'true');
  await press('Size', 'Large');
  // Choices of a form are all there are.
  expect(await fieldset(page, 'Size').getByRole('textbox').count()).toBe(0);
  const answer = card.getByRole('button', { name: 'Answer', exact: true });
  await answer.click();
  await expect
    .poll(() => card.locator('p[role=status]').textContent())
    .toContain('Price cannot be');
  await fieldset(page, 'Price').getByLabel('Your answer').fill('9.5');
  await answer.click();
  expect(await received(session)).toMatchObject({
    action: 'accept',
    content: { name: 'Ada "L" <ovelace>', price: 9.5, hot: true, size: 'l' },
  });
  await expect.poll(() => card.count()).toBe(0);
});

it('names the field that is missing, and keeps what was filled in', async () => {
  const { session, page, card } = await asked('order', PHONE);
  const name = fieldset(page, 'Name').getByLabel('Your answer');
  await name.fill('Ada');
  await card.getByRole('button', { name: 'Answer', exact: true }).tap();
  await expect
    .poll(() => card.locator('p[role=status]').textContent())
    .toContain('needs an answer');
  expect(await name.inputValue()).toBe('Ada');
  await card.getByRole('button', { name: 'Decline' }).tap();
  expect(await received(session)).toMatchObject({ action: 'decline' });
});

it('agrees to a form without fields, or declines it', async () => {
  const agreed = await asked('bare');
  expect(await agreed.card.textContent()).toContain('Shall I go on?');
  expect(await agreed.card.getByRole('textbox').count()).toBe(0);
  await agreed.card.getByRole('button', { name: 'Agree' }).click();
  expect(await received(agreed.session)).toMatchObject({ action: 'accept' });
  const declined = await asked('bare');
  await declined.card.getByRole('button', { name: 'Decline' }).click();
  expect(await received(declined.session)).toMatchObject({ action: 'decline' });
});

it('shows hostile words of a form as the words they are', async () => {
  const { session, page, card } = await asked('hostile');
  let dialogs = 0;
  page.on('dialog', (dialog) => {
    dialogs += 1;
    void dialog.dismiss();
  });
  const text = (await card.textContent()) ?? '';
  for (const words of Object.values(HOSTILE)) expect(text).toContain(visibleText(words));
  expect(await card.locator('img, script, svg:not(.state-glyph), b[onclick], a').count()).toBe(0);
  await card.getByLabel('Your answer').fill('<i>x</i>');
  await card.locator('.choice').first().click();
  await card.getByRole('button', { name: 'Answer', exact: true }).click();
  expect(await received(session)).toMatchObject({
    action: 'accept',
    content: { field: '<i>x</i>', choice: HOSTILE.choice },
  });
  expect(dialogs).toBe(0);
});
