import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CodexAccountStatus } from '../../src/protocol/reply-nouns.ts';
import { ioClient, type Received, type TestClient, wsClient } from '../support/clients.ts';
import { type CodexHome, createCodexHome } from '../support/codex-home.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../support/fake-responses-api.ts';
import { ACCOUNT, type FakeSignIn, startFakeSignIn } from '../support/fake-sign-in.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const KEY = 'sk-test-abcdefghijklmnopqrstuvwxyz';
const NOBODY: CodexAccountStatus = {
  auth_mode: null,
  requires_openai_auth: true,
  login_in_progress: false,
};

/** A server over a Codex home of its own, a client that asks, and a second one at the other endpoint. */
interface Stage {
  api: FakeResponsesApi;
  signIn: FakeSignIn;
  home: CodexHome;
  server: TestServer;
  asker: TestClient;
  watcher: TestClient;
}

let stage: Stage;

beforeAll(async () => {
  const api = await startFakeResponsesApi();
  const signIn = await startFakeSignIn();
  const home = await createCodexHome(api, { openai: true, top: signIn.config });
  const server = await startTestServer({ env: { ...home.env, ...signIn.env } });
  stage = { api, signIn, home, server, ...(await connect(server)) };
});

/** Each test begins with nobody signed in, and clients that have received nothing. */
beforeEach(async () => {
  await ask('codex_account_logout', {}, 'codex_account_updated');
  await ask('codex_account_read', {}, 'codex_account_status');
  await disconnect();
  Object.assign(stage, await connect(stage.server));
});

afterAll(async () => {
  await disconnect();
  await stage.server[Symbol.asyncDispose]();
  await stage.home[Symbol.asyncDispose]();
  await stage.signIn.close();
  await stage.api.close();
});

async function connect({ url }: TestServer): Promise<Pick<Stage, 'asker' | 'watcher'>> {
  const asker = await wsClient(url);
  const watcher = await ioClient(url);
  watcher.send({ type: 'subscribe_list' });
  await watcher.waitFor(({ type }) => type === 'sessions_list');
  return { asker, watcher };
}

async function disconnect(): Promise<void> {
  await stage.asker.close();
  await stage.watcher.close();
}

let asked = 0;

/** Asks and waits for the answer to just this question. */
function ask<Type extends Received['type']>(
  type: string,
  fields: object,
  answer: Type,
): Promise<Extract<Received, { type: Type }>> {
  asked += 1;
  const request_id = `q${asked}`;
  const { asker } = stage;
  asker.send({ type, request_id, ...fields });
  const isAnswer = (message: Received): message is Extract<Received, { type: Type }> =>
    message.type === answer && 'request_id' in message && message.request_id === request_id;
  return asker.waitFor(isAnswer);
}

const readStatus = async () => (await ask('codex_account_read', {}, 'codex_account_status')).status;

function received(client: TestClient): Received['type'][] {
  return client.messages.map(({ type }) => type).filter((type) => type.startsWith('codex_'));
}

describe('the account', () => {
  it('is nobody at first, which is an answer and no error', async () => {
    expect(await readStatus()).toEqual(NOBODY);
    const refreshed = await ask(
      'codex_account_read',
      { refresh_token: true },
      'codex_account_status',
    );
    expect(refreshed.status).toEqual(NOBODY);
  });

  it('is signed in by a browser: the asker gets the address, everybody learns the end', async () => {
    const begun = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    const waiting = await stage.watcher.waitFor(
      (message) => message.type === 'codex_account_status',
    );
    expect(waiting).toMatchObject({
      status: { login_in_progress: true, active_login_id: begun.login_id },
    });
    await stage.signIn.agree(begun.auth_url);
    const status = {
      auth_mode: 'chatgpt',
      requires_openai_auth: true,
      account: { type: 'chatgpt', email: ACCOUNT.email, plan_type: ACCOUNT.plan },
      login_in_progress: false,
    };
    await stage.watcher.waitFor(
      (message) => message.type === 'codex_account_status' && !message.status.login_in_progress,
    );
    expect(received(stage.watcher)).toEqual([
      'codex_account_status',
      'codex_login_chatgpt_completed',
      'codex_account_updated',
      'codex_account_status',
    ]);
    expect(stage.watcher.messages.at(-1)).toMatchObject({ status });
    expect(stage.watcher.messages.at(-3)).toMatchObject({
      login_id: begun.login_id,
      success: true,
    });
    expect(await readStatus()).toEqual(status);
  });

  it('can be left again, which the asker and everybody else learns', async () => {
    stage.asker.send({ type: 'set_open_ai_key', key: KEY });
    await stage.watcher.waitFor(
      (message) =>
        message.type === 'codex_account_updated' && message.status.auth_mode === 'api_key',
    );
    const left = await ask('codex_account_logout', {}, 'codex_account_updated');
    expect(left.status).toEqual(NOBODY);
    await stage.watcher.waitFor(
      (message) => message.type === 'codex_account_updated' && message.status.auth_mode === null,
    );
  });

  it('that somebody signed in to elsewhere is seen at the next look', async () => {
    expect((await readStatus()).auth_mode).toBe(null);
    const auth = { auth_mode: 'apikey', OPENAI_API_KEY: KEY };
    writeFileSync(join(stage.home.codexHome, 'auth.json'), JSON.stringify(auth), { mode: 0o600 });
    expect((await readStatus()).auth_mode).toBe('api_key');
  });
});

describe('a login', () => {
  it('can be cancelled once, by its own id', async () => {
    const { login_id } = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    const cancel = (id: string) =>
      ask('codex_login_chatgpt_cancel', { login_id: id }, 'codex_login_chatgpt_canceled');
    expect((await cancel('not an id')).status).toBe('invalid_id');
    expect((await cancel('00000000-0000-4000-8000-000000000000')).status).toBe('not_found');
    expect((await cancel(login_id)).status).toBe('canceled');
    expect((await cancel(login_id)).status).toBe('not_found');
    expect(await readStatus()).toEqual(NOBODY);
    // Who cancelled knows; nobody is informed that it failed.
    expect(received(stage.watcher)).not.toContain('codex_login_chatgpt_completed');
  });

  it('that is replaced is over for everybody, and the new one goes on', async () => {
    const first = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    const second = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    const over = await stage.watcher.waitFor(
      ({ type }) => type === 'codex_login_chatgpt_completed',
    );
    expect(over).toMatchObject({ login_id: first.login_id, success: false });
    expect(await readStatus()).toMatchObject({ active_login_id: second.login_id });
  });
});

describe('a key', () => {
  it('is set without ever being said: not in the log, not on the wire', async () => {
    await ask('set_open_ai_key', { key: ` ${KEY}\n` }, 'ack');
    await stage.watcher.waitFor(({ type }) => type === 'codex_account_updated');
    expect(await readStatus()).toMatchObject({
      auth_mode: 'api_key',
      account: { type: 'api_key' },
    });
    const saved = readFileSync(join(stage.home.codexHome, 'auth.json'), 'utf8');
    expect(JSON.parse(saved)).toMatchObject({ OPENAI_API_KEY: KEY });
    expect(JSON.stringify([stage.asker.messages, stage.watcher.messages])).not.toContain(
      'abcdefgh',
    );
    expect(readFileSync(stage.server.paths.log, 'utf8')).not.toContain('abcdefgh');
  });

  it('is refused when it is none', async () => {
    for (const key of ['', 'two words', 'short', 'naïve-key-naïve-key']) {
      expect((await ask('set_open_ai_key', { key }, 'error')).code).toBe('invalid_argument');
    }
    expect((await readStatus()).auth_mode).toBe(null);
  });

  it('does not take the place of a ChatGPT login unasked', async () => {
    const begun = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    await stage.signIn.agree(begun.auth_url);
    await stage.watcher.waitFor(({ type }) => type === 'codex_account_updated');
    const error = await ask('set_open_ai_key', { key: KEY }, 'error');
    expect(error.code).toBe('already_signed_in');
    expect((await readStatus()).auth_mode).toBe('chatgpt');
  });
});

describe('the models', () => {
  it('are those of the picker, known without a login', async () => {
    const { models } = await ask('list_models', {}, 'models_list');
    expect(models.filter(({ is_default }) => is_default)).toHaveLength(1);
    for (const model of models) {
      expect(model).toEqual({
        id: expect.any(String),
        model: expect.any(String),
        display_name: expect.any(String),
        description: expect.any(String),
        is_default: expect.any(Boolean),
        supported_reasoning_efforts: expect.arrayContaining(['medium']),
      });
    }
  });
});

describe('without a network', () => {
  it('is still known without a network, and says what is not', async () => {
    const begun = await ask('codex_login_chatgpt_start', {}, 'codex_login_chatgpt_started');
    await stage.signIn.agree(begun.auth_url);
    await stage.watcher.waitFor(({ type }) => type === 'codex_account_updated');
    await stage.signIn.close();
    await disconnect();
    await stage.server.restart();
    Object.assign(stage, await connect(stage.server));
    expect(await readStatus()).toMatchObject({
      auth_mode: 'chatgpt',
      account: { type: 'chatgpt' },
      login_in_progress: false,
      unavailable: expect.stringContaining('account/read'),
    });
  });
});

describe('without any Codex', () => {
  it('the account says so, the rest is refused, and nobody is asked in circles', async () => {
    await using bare = await startTestServer({ env: { CODEX_BIN: '/no/such/codex' } });
    await disconnect();
    Object.assign(stage, await connect(bare));
    expect(await readStatus()).toEqual({
      ...NOBODY,
      unavailable: expect.stringContaining('/no/such/codex'),
    });
    expect((await ask('list_models', {}, 'error')).code).toBe('model_list_failed');
    expect((await ask('codex_login_chatgpt_start', {}, 'error')).code).toBe(
      'codex_auth_login_start_failed',
    );
    expect((await ask('codex_account_logout', {}, 'error')).code).toBe('codex_auth_logout_failed');
    // What the app asks upon each of these gets its answer, and that answer is no such error.
    expect(await readStatus()).toMatchObject(NOBODY);
  });
});
