/** More of the page against the server that ships. */
import { expect, it } from 'vitest';
import { ask, dataDirectory, freePort, start } from '../support/real-server.ts';
import { PHONE, useBrowser, visit } from '../support/stage.ts';

useBrowser();

it('tries an event on the real server: refused with a reason, or where it would lead', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  await ask(port);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/real-1?tab=try`);
  await page.waitForSelector('.chart .leaf.on');
  const run = page.getByRole('button', { name: /Try it after #/ });
  await page
    .locator('#payload')
    .fill('{"type":"interrupt.requested","at":"2099-01-01T00:00:00.000000Z"}');
  await run.click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('Refused.');
  await page
    .locator('#payload')
    .fill('{"type":"session.ended","reason":"other","at":"2099-01-01T00:00:00.000000Z"}');
  await run.click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('phase.ended');
  expect(
    await page.locator('.state[data-state="session.phase.awaitingApproval.permission"].on').count(),
  ).toBe(1);
});

it('keeps its policy, and every byte of it comes from this server', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  const answer = await fetch(`http://127.0.0.1:${port}/visualizer/`);
  const policy = answer.headers.get('content-security-policy') ?? '';
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    expect(policy).toContain(rule);
  }
  const page = await visit(`http://127.0.0.1:${port}/visualizer/`, PHONE);
  await expect
    .poll(() => page.getByTestId('no-sessions').textContent())
    .toContain('No sessions yet');
});

it('sends an event to a live session of the real server, and the journal says who it was', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  await ask(port);
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/real-1?tab=try`);
  await page.waitForSelector('.chart .leaf.on');
  await page.locator('#payload').fill('{"type":"turn.aborted","reason":"by hand"}');
  await page.getByTestId('send-live').click();
  await page.getByRole('button', { name: 'Send it' }).click();
  await expect.poll(() => page.getByTestId('outcome').textContent()).toContain('Sent.');
  await page.waitForSelector('[data-state="session.phase.idle"].on');
  await page.locator('#payload').fill('{"type":"xstate.stop.session"}');
  await page.getByTestId('send-live').click();
  await expect
    .poll(() => page.getByTestId('outcome').textContent())
    .toContain('cannot be sent by hand');
  await page.locator('#payload').fill('{"type":"turn.failed","error":7}');
  await page.getByTestId('send-live').click();
  await expect
    .poll(() => page.getByTestId('outcome').textContent())
    .toContain('error must be a string');
  await page.keyboard.press('Tab');
  await page.getByRole('tab', { name: 'Events' }).click();
  const newest = page.locator('[data-testid=event-list] [role=option]').first();
  await expect.poll(() => newest.textContent()).toMatch(/visualizer.*turn\.aborted/);
});
