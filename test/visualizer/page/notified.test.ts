/** Notifications that the server sends: who gets them and when none are sent, from the menu. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';

useBrowser();

const AT = '2030-01-01T08:00:00.000Z';

async function withDevices(scopes?: ('read' | 'control')[]): Promise<Fixture> {
  const server = await fixture({ sessions: 3, ...(scopes && { scopes }) });
  server.recipients.muted = ['od-0002'];
  server.recipients.devices = [
    { id: 'd-1', name: 'Pixel \u202e9 4c1f', created_at: AT, token: 'phone' },
    { id: 'd-2', name: 'Linux Firefox 77d2', created_at: AT },
  ];
  for (const type of [
    ...['set_quiet_hours', 'mute_session', 'test_notification', 'remove_device'],
    'revoke_device',
  ]) {
    server.accepted.add(type);
  }
  return server;
}

async function openMenu(page: Page) {
  await page.getByRole('button', { name: /^Menu/ }).click();
  const panel = page.getByTestId('notified');
  await panel.waitFor();
  return panel;
}

/** What the page asked for that changes something. */
const wishes = ({ said }: Fixture) =>
  (said as { type: string; request_id?: string }[])
    .filter(({ type }) => /quiet|mute|device|test/.test(type))
    .map(({ request_id: _, ...message }) => message);

it('sets quiet hours, and mutes the session that is open', async () => {
  const server = await withDevices();
  const page = await visit(`${server.url}s/od-0001`);
  const panel = await openMenu(page);
  await panel.getByLabel('Quiet hours', { exact: true }).click();
  const night = { type: 'set_quiet_hours', quiet: { from: '22:00', to: '07:00' } };
  await expect.poll(() => wishes(server)).toEqual([night]);
  server.recipients.quiet = { from: '22:00', to: '07:00' };
  await page.reload();
  await openMenu(page);
  await panel.getByLabel('to', { exact: true }).fill('06:30');
  await panel.getByLabel('to', { exact: true }).blur();
  const shorter = { type: 'set_quiet_hours', quiet: { from: '22:00', to: '06:30' } };
  await expect.poll(() => wishes(server)).toEqual([night, shorter]);
  await panel.getByLabel('No notifications about the session that is open').click();
  const mute = { type: 'mute_session', session_id: 'od-0001', is_muted: true };
  await expect.poll(() => wishes(server).at(-1)).toEqual(mute);
  await panel.getByRole('button', { name: 'Notify again' }).click();
  const again = { type: 'mute_session', session_id: 'od-0002', is_muted: false };
  await expect.poll(() => wishes(server).at(-1)).toEqual(again);
});

it.each([{}, PHONE])(
  'tries out, removes and shuts out devices, each once sure: %o',
  async (options) => {
    const server = await withDevices();
    const page = await visit(`${server.url}inbox`, options);
    const panel = await openMenu(page);
    const rows = panel.getByRole('list', { name: 'Devices that are notified' }).locator('li');
    expect(await rows.allTextContents()).toMatchObject([
      expect.stringMatching(/^Pixel <U\+202E>9 4c1f .*token phone/),
      expect.stringMatching(/^Linux Firefox 77d2 since/),
    ]);
    await rows.first().getByRole('button', { name: 'Test' }).click();
    await panel.getByText('was sent a test').waitFor();
    expect(await rows.last().getByRole('button').allTextContents()).toEqual(['Test', 'Remove']);
    await rows.last().getByRole('button', { name: 'Remove' }).click();
    expect(wishes(server)).toEqual([{ type: 'test_notification', device_id: 'd-1' }]);
    await rows.last().getByRole('button', { name: 'Really remove?' }).click();
    await panel.getByText('is notified no more').waitFor();
    await rows.first().getByRole('button', { name: 'Revoke its token' }).click();
    await rows.first().getByRole('button', { name: 'Really revoke?' }).click();
    await expect
      .poll(() => wishes(server).at(-1))
      .toEqual({ type: 'revoke_device', device_id: 'd-1' });
    server.accepted.delete('test_notification');
    await rows.first().getByRole('button', { name: 'Test' }).click();
    await panel.getByText('test_notification is not implemented yet').waitFor();
  },
);

it('shows all of it to a caller that may only read, and takes nothing', async () => {
  const server = await withDevices(['read']);
  const page = await visit(`${server.url}s/od-0001`);
  const panel = await openMenu(page);
  expect(await panel.locator('button:enabled, input:enabled').count()).toBe(0);
  expect(await panel.locator('li').count()).toBe(3);
});
