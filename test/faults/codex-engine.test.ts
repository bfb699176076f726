/**
 * Direct Codex sessions while the world breaks: the app-server is killed or hangs, the network is cut, and
 * twenty of them work at once. Afterwards each shows what happened, and goes on.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestClient } from '../support/clients.ts';
import { MODELS } from '../support/codex-home.ts';
import {
  type CodexSetup,
  createSteered,
  openCodexSetup,
  type SteeredSession,
} from '../support/codex-setup.ts';
import { engineOf } from '../support/processes.ts';

let dock: CodexSetup;
let client: TestClient;

beforeEach(async () => {
  dock = await openCodexSetup();
  client = await dock.client();
  client.send({ type: 'subscribe_list' });
});
afterEach(() => dock[Symbol.asyncDispose]());

const create = (fields: object = {}): Promise<SteeredSession> =>
  createSteered(client, { cwd: dock.home.project, ...fields });

const MODEL = Object.values(MODELS);

describe('an app-server that is killed', () => {
  it('leaves every session truthful, with all that was shown, and each goes on', async () => {
    const streaming = await create();
    const running = await create({ model: MODELS.code });
    const asking = await create();
    const quiet = await create();
    await quiet.say('!say before');
    await quiet.idle();
    await streaming.say('!slow 400 20');
    await running.say('!exec sleep 300 # killed-with-the-engine');
    await asking.say(`!esc touch ${join(dock.home.codexHome, 'never')}`);
    const { id: requestId } = await asking.request();
    await client.waitFor(
      (frame) =>
        frame.type === 'message_updated' &&
        frame.session_id === streaming.id &&
        (frame.changes.content?.length ?? 0) > 200,
    );
    await client.waitFor(
      (frame) => frame.type === 'message_appended' && frame.message.message_type === 'tool',
    );
    const shown = streaming
      .received('message_updated')
      .map(({ changes }) => changes.content ?? '')
      .reduce((longest, text) => (text.length > longest.length ? text : longest));

    process.kill(engineOf(dock.home), 'SIGKILL');
    for (const session of [streaming, running, asking]) await session.status('waiting');
    for (const session of [streaming, running, asking, quiet]) {
      expect(await session.snapshot()).toMatchObject({
        status: 'active',
        work_status: 'waiting',
        pending_approval: null,
        link_state: 'detached',
        link_reason: expect.stringMatching(/\w/),
      });
    }
    for (const session of [streaming, running, asking]) {
      const words = (await session.messages('assistant')).at(-1);
      expect(words).toMatchObject({
        is_error: true,
        content: expect.stringMatching(/^Interrupted: /),
      });
    }
    const [text] = await streaming.messages('assistant');
    expect(text?.content.startsWith(shown)).toBe(true);
    expect(await asking.settle(requestId, { decision: 'approved' })).toMatchObject({
      code: 'already_resolved',
    });
    expect(existsSync(join(dock.home.codexHome, 'never'))).toBe(false);

    // Each by itself, with the next words, and with its memory.
    for (const [n, session] of [streaming, running, asking, quiet].entries()) {
      await session.say(`!say again ${n}`);
      await session.idle();
      expect((await session.messages('assistant')).at(-1)?.content).toBe(`again ${n}`);
      expect(await session.snapshot()).toMatchObject({ link_state: 'attached' });
    }
    expect(JSON.stringify(dock.api.requests.at(-1)?.input)).toContain('before');
  });

  it('is missed by nobody when it hangs: it is killed, and what waited goes on', async () => {
    const session = await create();
    await session.say('!say first');
    await session.idle();
    process.kill(engineOf(dock.home), 'SIGSTOP');
    await session.say('!say lost in time');
    const soon = { timeout: 90_000, interval: 500 };
    await expect.poll(() => session.snapshot(), soon).toMatchObject({ link_state: 'detached' });
    const words = (await session.messages('user')).at(-1);
    expect(words).toMatchObject({
      is_error: true,
      tool_output: expect.stringMatching(/^unknown: /),
    });
    await session.say('!say back');
    await session.idle();
    expect((await session.messages('assistant')).at(-1)?.content).toBe('back');
  });
});

describe('a network that is cut', () => {
  it('is shown as the provider’s trouble, and the session goes on when it is back', async () => {
    const sessions = await Promise.all(MODEL.map((model) => create({ model })));
    for (const session of sessions) await session.say('!slow 300 20');
    for (const session of sessions) await session.status('working');
    await client.waitFor(({ type }) => type === 'message_updated');
    dock.api.down();
    for (const session of sessions) {
      await session.status('waiting');
      const words = (await session.messages('assistant')).at(-1);
      expect(words).toMatchObject({ is_error: true });
      expect(words?.content).toMatch(/network|connection|reached|broke off|[Ss]end it again/);
      expect(await session.snapshot()).toMatchObject({ link_state: 'attached' });
    }
    const [first] = sessions;
    await first?.say('!say anybody?');
    await first?.idle();
    dock.api.up();
    for (const session of sessions) {
      await session.say('!say here again');
      await session.idle();
      expect((await session.messages('assistant')).at(-1)?.content).toBe('here again');
    }
  });
});

describe('twenty sessions at once', () => {
  it('ask, patch and stream side by side, and none receives what is for another', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        create({ model: MODEL[n % 2], approval_policy: 'on-request' }),
      ),
    );
    const file = (n: number) => join(dock.home.codexHome, `twenty-${n}`);
    const work = async (session: SteeredSession, n: number) => {
      await session.say(
        `!say I am ${n}.`,
        `!esc touch ${file(n)}`,
        `!patch ${JSON.stringify({ add: `made-by-${n}.txt`, text: `text of ${n}` })}`,
        '!slow 50 20',
        `!say Bye from ${n}.`,
      );
      const request = await session.request();
      expect(request.command).toContain(file(n));
      await session.settle(request.id, { decision: n % 3 === 0 ? 'denied' : 'approved' });
      await session.idle();
    };
    await Promise.all(sessions.map(work));
    for (const [n, session] of sessions.entries()) {
      const { messages, turn_diffs, pending_approval } = await session.snapshot();
      expect(existsSync(file(n))).toBe(n % 3 !== 0);
      expect(existsSync(join(dock.home.project, `made-by-${n}.txt`))).toBe(true);
      expect(pending_approval).toBeNull();
      expect(turn_diffs?.[0]?.diff).toContain(`made-by-${n}.txt`);
      const said = messages.map(({ content }) => content);
      expect(said).toContain(`I am ${n}.`);
      expect(said.at(-1)).toContain(`Bye from ${n}.`);
      for (const other of sessions.keys()) {
        if (other !== n) expect(said).not.toContain(`I am ${other}.`);
      }
    }
  });
});
