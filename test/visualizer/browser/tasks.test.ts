/**
 * Ten tasks of a person who has never seen the page, by roles and names alone: what it takes is printed, not asserted.
 * Each begins when the page is shown. The first four are done again on a phone, by touch.
 */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fixture, PHONE, useBrowser, visit } from '../support/browser-page.ts';
import type { Fixture } from '../support/fixture-server.ts';
import { dataDirectory, freePort, post, start } from '../support/real-server.ts';
import { playStory } from '../support/story.ts';

useBrowser();

const DESK = { viewport: { width: 1440, height: 900 } };
const COMMAND = 'npm run db:migrate -- --env production --lock-timeout 30s';
/** Where a task is done with a finger. */
const SMALL = [
  { width: 640, height: 360 },
  { width: 844, height: 390 },
  { width: 320, height: 568 },
];

async function story(): Promise<Fixture> {
  const server = await fixture({ sessions: 15, isQuiet: true }, 0);
  playStory(server);
  return server;
}

/** Does a task and prints how long it took. */
async function timed(task: string, act: () => Promise<unknown>): Promise<void> {
  const from = performance.now();
  await act();
  console.info(`${task}: ${((performance.now() - from) / 1000).toFixed(1)} s`);
}

/** What a provider says once a decision has reached it. */
function settle(server: Fixture, index: number): void {
  const session = server.sessions[index];
  session?.send({
    type: 'approval.resolved',
    at: `${new Date().toISOString().slice(0, -1)}000Z`,
    requestId: `story-${session.id}`,
    server: null,
    decision: 'approved',
  });
}

/** The whole command stands in the card, and no box of its own hides a part of it. */
async function readsCommand(page: Page): Promise<void> {
  const card = page.getByRole('region', { name: 'May it run this command?' });
  await card.waitFor();
  expect(await card.getByText(COMMAND, { exact: true }).isVisible()).toBe(true);
}

it('1: sees who waits and for what, without a press', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`, DESK);
  await timed('who waits and for what', async () => {
    const first = page.getByRole('list', { name: 'Waits for you' }).getByRole('link').first();
    await first.waitFor();
    const name = (await first.textContent()) ?? '';
    for (const part of ['Move order totals', '12\u00a0min', COMMAND.slice(0, 30)])
      expect(name).toContain(part);
  });
});

for (const options of [DESK, PHONE, ...SMALL.map((viewport) => ({ ...PHONE, viewport }))]) {
  const { width, height } = options.viewport;
  it(`2: approves the oldest at ${width}x${height}, and the next one opens`, async () => {
    const server = await story();
    const page = await visit(`${server.url}sessions`, options);
    const isTouch = options !== DESK;
    const press = async (button: ReturnType<Page['getByRole']>) =>
      isTouch ? button.tap() : button.click();
    await timed(`approve the oldest, ${width}x${height}`, async () => {
      await press(page.getByRole('link', { name: /^Inbox\s*,\s*5$/ }));
      await readsCommand(page);
      // Buttons of a card that has just come up do nothing for a moment.
      const approve = page.getByRole('button', { name: /^Approve:/ });
      await expect.poll(() => approve.isEnabled()).toBe(true);
      await press(approve);
      await expect
        .poll(() => server.said.at(-1))
        .toMatchObject({ type: 'approve_tool', decision: 'approved' });
      settle(server, 1);
      await page.getByRole('heading', { name: '1 of 4' }).waitFor();
    });
  });
}

for (const options of [DESK, PHONE]) {
  const where = options === DESK ? 'on a desk' : 'on a phone';
  it(`3: denies with words ${where}`, async () => {
    const server = await story();
    const page = await visit(`${server.url}inbox`, options);
    await timed(`deny with words ${where}`, async () => {
      const deny = page.getByRole('button', { name: /^Deny:/ });
      await expect.poll(() => deny.isEnabled()).toBe(true);
      await deny.click();
      await page.getByRole('textbox', { name: 'Tell it why' }).fill('Use a copy of the data');
      await page.getByRole('button', { name: 'Deny and go on' }).click();
      await expect
        .poll(() => server.said.at(-1))
        .toMatchObject({
          ...{ type: 'approve_tool', decision: 'denied', message: 'Use a copy of the data' },
        });
    });
  });

  it(`4: answers two questions ${where}`, async () => {
    const server = await story();
    const page = await visit(`${server.url}inbox`, options);
    await timed(`answer two questions ${where}`, async () => {
      await page.getByRole('button', { name: 'Next request' }).click();
      const zone = page.getByRole('group', { name: /Which time zone/ });
      await zone.waitFor();
      const answer = page.getByRole('button', { name: 'Answer', exact: true });
      expect(await answer.isEnabled()).toBe(false);
      await zone.getByRole('radio', { name: /Europe\/Berlin/ }).check();
      const reports = page.getByRole('group', { name: /Which reports/ });
      await reports.getByRole('checkbox', { name: 'Monthly totals' }).check();
      await reports.getByRole('checkbox', { name: 'Tax export' }).check();
      await expect.poll(() => answer.isEnabled()).toBe(true);
      await answer.click();
      await expect.poll(() => server.said.at(-1)).toMatchObject({ type: 'answer_question' });
    });
  });
}

it('5: finds the session that touched a file', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  const edit = {
    tool_name: 'Edit',
    tool_input: { file_path: '/home/dev/shop/src/repository.ts', old_string: 'a', new_string: 'b' },
    tool_use_id: 'toolu_9',
  };
  await post(port, 'found-1', 'SessionStart', { source: 'startup' });
  await post(port, 'found-1', 'UserPromptSubmit', { prompt: 'Store totals as cents' });
  await post(port, 'found-1', 'PreToolUse', edit);
  await post(port, 'found-1', 'PostToolUse', { ...edit, tool_response: { filePath: 'x' } });
  const page = await visit(`http://127.0.0.1:${port}/visualizer/sessions`, DESK);
  await timed('find a session by a file', async () => {
    await page.getByRole('link', { name: 'Search' }).click();
    await page.getByRole('searchbox', { name: 'Search' }).fill('file:repository.ts when:today');
    const hit = page.getByRole('list', { name: 'Results' }).getByRole('link').first();
    await hit.click();
    await page.waitForURL(/\/s\/found-1\?message=/);
    await page.getByText('repository.ts').first().waitFor();
  });
});

for (const options of [DESK, PHONE]) {
  it(`6: reads why it waits at ${options.viewport.width} px`, async () => {
    const server = await story();
    const page = await visit(`${server.url}s/od-0001`, options);
    await timed(`why is it waiting, ${options.viewport.width} px`, async () => {
      if (options !== DESK) await page.getByRole('button', { name: 'Now', exact: true }).tap();
      const why = page.getByRole('region', { name: 'Why is it waiting?' });
      await why.waitFor();
      const words = await why.textContent();
      for (const part of ['12\u00a0min', 'Leaves when', 'you approve or deny', 'Known from'])
        expect(words).toContain(part);
    });
  });
}

it('7: looks at 20 minutes ago, and comes back', async () => {
  const server = await story();
  const page = await visit(`${server.url}s/od-0001`, DESK);
  await timed('20 minutes ago', async () => {
    await page.getByRole('button', { name: 'Timeline' }).click();
    const slider = page.getByRole('slider', { name: 'Moment', exact: true });
    await slider.focus();
    // Events are a minute apart: some presses lead back far enough.
    const past = page.getByRole('status').filter({ hasText: '20\u00a0min ago' });
    for (let press = 0; press < 14 && (await past.count()) === 0; press += 1) {
      const before = await slider.inputValue();
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => slider.inputValue()).not.toBe(before);
    }
    await past.waitFor();
    await page.getByRole('button', { name: 'Back to live' }).click();
    await expect.poll(() => past.count()).toBe(0);
  });
});

for (const options of [DESK, PHONE]) {
  it(`8: starts a session in a worktree at ${options.viewport.width} px`, async () => {
    const server = await story();
    const page = await visit(`${server.url}sessions`, options);
    await timed(`start in a worktree, ${options.viewport.width} px`, async () => {
      await page.getByRole('button', { name: 'New session' }).click();
      await page.getByRole('textbox', { name: 'What should it do?' }).fill('Translate the page');
      await page.getByRole('combobox', { name: 'Directory' }).fill('/home/dev/shop');
      expect(await page.getByRole('radio', { name: /A new worktree/ }).isChecked()).toBe(true);
      await page.getByRole('button', { name: 'Start session' }).click();
      await expect
        .poll(() => server.said.map((said) => (said as { type: string }).type))
        .toContain('create_session');
    });
  });
}

it('9: reads a request that is only watched, and where to answer it', async () => {
  const server = await story();
  const page = await visit(`${server.url}s/od-0000`, DESK);
  await timed('a watched request', async () => {
    await page.getByText('rate(http_request_seconds_sum[5m])').first().waitFor();
    await page.getByText(/Answer in its own terminal/).waitFor();
    expect(await page.getByRole('button', { name: /^(Approve|Deny|Answer)/ }).count()).toBe(0);
  });
});

it('10: goes from the list to the request that waits longest on a phone, by touch', async () => {
  const server = await story();
  const page = await visit(`${server.url}sessions`, PHONE);
  await timed('from the list to the request, on a phone', async () => {
    const first = page.getByRole('list', { name: 'Waits for you' }).getByRole('link').first();
    expect(await first.textContent()).toContain(COMMAND.slice(0, 30));
    await first.tap();
    await readsCommand(page);
  });
});
