/** A model that asks for more permissions before it needs them, and gets what was granted and no more. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CodexSetup, createSteered, openCodexSetup } from '../support/codex-setup.ts';

let dock: CodexSetup;
beforeAll(async () => {
  dock = await openCodexSetup({ features: 'request_permissions_tool = true' });
});
afterAll(() => dock[Symbol.asyncDispose]());

/** A session that has asked whether it may write into a folder of its own, and then does. */
async function asksFor(name: string) {
  const folder = join(dock.home.codexHome, '..', name);
  mkdirSync(folder);
  const session = await createSteered(await dock.client(), { cwd: dock.home.project });
  const asked = {
    reason: `writes into ${name}`,
    permissions: { file_system: { write: [folder] } },
  };
  await session.say(
    `!tool request_permissions ${JSON.stringify(asked)}`,
    `!exec touch ${join(folder, 'made')}`,
  );
  return { session, folder, made: join(folder, 'made'), request: await session.request() };
}

it('shows what is asked for, and the granted folder can be written', async () => {
  const { session, folder, made, request } = await asksFor('granted');
  expect(request).toMatchObject({ type: 'exec', tool_name: 'Permissions' });
  expect(request.command).toBe('writes into granted');
  expect(request.tool_input).toContain(folder);
  await session.settle(request.id, { decision: 'approved' });
  await session.idle();
  expect(existsSync(made)).toBe(true);
  expect(session.received('approval_requested')).toHaveLength(1);
});

it('leaves the folder closed when it is denied, and the turn goes on', async () => {
  const { session, made, request } = await asksFor('denied');
  await session.settle(request.id, { decision: 'denied' });
  await session.idle();
  expect(existsSync(made)).toBe(false);
  expect((await session.messages('assistant')).at(-1)?.content).toContain('Done');
});
