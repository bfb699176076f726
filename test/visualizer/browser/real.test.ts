/** More of the page against the server that ships. */
import { expect, it } from 'vitest';
import { PHONE, useBrowser, visit } from '../support/browser-page.ts';
import { ask, dataDirectory, freePort, post, start } from '../support/real-server.ts';

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
    await page.locator('.state[data-state="session.phase.active.requests.permission"].on').count(),
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
  await page.waitForSelector('[data-state="session.phase.active.turn.closed"].on');
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

/** Twelve texts that must not leave, each of another make. */
const SECRETS = [
  'sk-ant-api03-AAAABBBBCCCCDDDDEEEE1111',
  'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
  'xoxb-123456789012-abcdefGHIJ',
  'AKIAIOSFODNN7EXAMPLE',
  'glpat-abcdefghij0123456789',
  'npm_abcdefghijklmnopqrstuvwxyz0123456789',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl',
  'AIzaSyA-1234567890abcdefghijklmnopqrstu',
  'github_pat_11ABCDEFG0123456789_abcdefghij',
  'rk_live_abcdefghijklmnop123456',
  'hunter2hunter2',
  'correct-horse-battery',
] as const;

it('sends no secret to the inspecting part of the page, wherever it stood', async () => {
  const [directory, port] = [dataDirectory(), await freePort()];
  await start(directory, port);
  const [model, project, tool, toolUse, agent, prompt, mode, reason, ...texts] = SECRETS;
  const cwd = `/home/dev/${project}`;
  const base = { cwd, permission_mode: mode };
  const command = `curl -H "Authorization: Bearer ${texts[0]}" -d password=${texts[2]} ${texts[1]}`;
  const use = { tool_name: tool, tool_input: { command, apiKey: texts[3] }, tool_use_id: toolUse };
  const hooks: [string, object][] = [
    ['SessionStart', { source: 'startup', model }],
    ['UserPromptSubmit', { prompt: SECRETS.join(' '), prompt_id: prompt }],
    ['SubagentStart', { agent_id: toolUse, agent_type: agent }],
    ['PreToolUse', use],
    ['PermissionRequest', use],
    ['PostToolUse', { ...use, tool_response: { stdout: SECRETS.join('\n') } }],
    ['StopFailure', { error: `token: ${texts[3]}` }],
    ['SessionEnd', { reason }],
  ];
  for (const [name, more] of hooks) await post(port, 'secrets', name, { ...base, ...more });
  const frames: string[] = [];
  const page = await visit(`http://127.0.0.1:${port}/visualizer/s/secrets?tab=context`, {
    seen: async (fresh) => {
      fresh.on('websocket', (socket) => {
        socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
      });
    },
  });
  await expect.poll(() => page.getByTestId('context').textContent()).toContain('[redacted]');
  for (let step = 0; step < hooks.length; step += 1) {
    for (const key of ['7', '4', '8', '5', '6', '3']) await page.keyboard.press(key);
    await page.keyboard.press(',');
  }
  await page.keyboard.press('g');
  await page.keyboard.press('b');
  // It has ended: the board keeps it folded.
  await page.getByRole('button', { name: 'Ended 1' }).click();
  await page.locator('.board-card').first().waitFor();
  const received = frames.filter((frame) => /^4\d\/inspect,/.test(frame)).join('\n');
  expect(received).toContain('"last_activity_at"');
  expect(SECRETS.filter((secret) => received.includes(secret))).toEqual([]);
  const shown = await page.locator('body').textContent();
  expect(SECRETS.filter((secret) => shown?.includes(secret))).toEqual([]);
});
