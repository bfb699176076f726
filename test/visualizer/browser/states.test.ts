/** Every empty or broken state says what is the matter and what to do. */
import { expect, it } from 'vitest';
import { expectFaults, fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

it('says why there is no picture, on a desk and on a phone, and tries again', async () => {
  const server = await fixture({ sessions: 2 });
  let isBroken = true;
  const seen = async (page: import('playwright-core').Page): Promise<void> => {
    await page.route('**/charts-*.json', (route) =>
      isBroken ? route.fulfill({ status: 500 }) : route.continue(),
    );
  };
  const page = await visit(`${server.url}s/od-0001?tab=events`, { seen });
  await expect
    .poll(() => page.getByTestId('chart-failure').textContent())
    .toContain('The charts could not be loaded: the server answered 500');
  // What needs no picture goes on.
  await expect.poll(() => page.getByTestId('pill').textContent()).not.toBe('');
  expect(await page.getByTestId('event-list').locator('[role=option]').count()).toBeGreaterThan(0);
  await page.keyboard.press('2');
  await expect
    .poll(() => page.locator('.inspector').textContent())
    .toContain('could not be loaded');
  const phone = await visit(`${server.url}s/od-0001`, { ...PHONE, seen });
  await phone.getByRole('navigation').getByRole('button', { name: 'Chart', exact: true }).tap();
  await expect.poll(() => phone.locator('main').textContent()).toContain('could not be loaded');
  isBroken = false;
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await page.waitForSelector('.chart .leaf.on');
  expectFaults(/status of 500/);
});

it('says that updates are thinned when it is too slow, and catches up by itself', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  server.io.of('/inspect').emit('lag', { sessions: ['od-0001'] });
  await expect.poll(() => page.getByTestId('notice').textContent()).toContain('too slow');
  server.sessions[1]?.step();
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#13');
  await page.getByRole('button', { name: 'OK' }).click();
  expect(await page.getByTestId('notice').count()).toBe(0);
});

it('tries again when the server closes the page by itself', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  server.io.of('/inspect').disconnectSockets();
  await page.getByTestId('offline').waitFor();
  await page.getByTestId('offline').waitFor({ state: 'detached', timeout: 5000 });
  server.sessions[1]?.step();
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#13');
});

it('distinguishes a filter without hits, an unknown chart and a session without moments', async () => {
  const server = await fixture({ sessions: 3 }, 0);
  const page = await visit(`${server.url}grid`);
  await page.getByLabel('Filter sessions').fill('nothing like this');
  await expect
    .poll(() => page.getByTestId('grid').textContent())
    .toContain('No session is like that');
  await page.goto(`${server.url}s/od-0000?tab=context`);
  await expect
    .poll(() => page.getByTestId('context').textContent())
    .toContain('appears with the first event');
  await page.keyboard.press('6');
  await expect.poll(() => page.locator('.inspector').textContent()).toContain('No events yet');
});

it('scrubs back over pages of the journal that were not loaded', async () => {
  const server = await fixture({ sessions: 1 }, 1000);
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  await page.keyboard.press('Home');
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#1 ');
});

it('says so when the wanted event is not kept, and shows the nearest', async () => {
  const server = await fixture({ sessions: 1 }, 2100);
  const page = await visit(`${server.url}s/od-0000?seq=5`);
  await expect
    .poll(() => page.getByTestId('notice').textContent())
    .toContain('Event #5 is not kept any more: the journal starts at #101');
  await expect.poll(() => page.getByTestId('now').textContent()).toContain('#101');
});

it('asks for a reload when the server uses another protocol', async () => {
  const server = await fixture({ sessions: 1, protocol: 99 });
  const page = await visit(`${server.url}sessions`);
  await expect.poll(() => page.getByRole('alert').textContent()).toContain('protocol 99');
});
