import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TransientListMessage } from '../../../src/protocol/server.ts';
import { createAccount } from '../../../src/providers/codex/account.ts';
import type { Engine } from '../../../src/providers/codex/engine/engine.ts';
import type { Account } from '../../../src/providers/provider.ts';
import { type CodexHome, createCodexHome, startEngine } from '../../support/codex-home.ts';
import { type FakeResponsesApi, startFakeResponsesApi } from '../../support/fake-responses-api.ts';
import { createInbox, type Inbox } from '../../support/inbox.ts';
import { recordedLog } from '../../support/recorded-log.ts';

let api: FakeResponsesApi;
let home: CodexHome;
let engine: Engine;
let received: Inbox<TransientListMessage>;
let logged: ReturnType<typeof recordedLog>;

beforeEach(async () => {
  api = await startFakeResponsesApi();
  home = await createCodexHome(api, { openai: true });
  logged = recordedLog();
  received = createInbox('the list');
  engine = startEngine(home, { log: logged.log });
});

afterEach(async () => {
  await engine.close();
  await home[Symbol.asyncDispose]();
  await api.close();
});

function accounts(loginLimitMs?: number): Account {
  return createAccount({
    engine,
    port: { sendToList: (message) => received.add(message) },
    codexHome: home.codexHome,
    log: logged.log,
    ...(loginLimitMs !== undefined && { loginLimitMs }),
  });
}

it('a login whose user never comes is over after its limit', async () => {
  const { loginId } = await accounts(1).startLogin();
  const over = await received.waitFor(({ type }) => type === 'codex_login_chatgpt_completed');
  expect(over).toEqual({
    type: 'codex_login_chatgpt_completed',
    login_id: loginId,
    success: false,
    error: 'Login timed out',
  });
  await received.waitFor(
    (message) => message.type === 'codex_account_status' && !message.status.login_in_progress,
  );
});

it('a login ends with the process that waited for the browser', async () => {
  const account = accounts();
  const { loginId } = await account.startLogin();
  const { fields } = await logged.lines.waitFor(({ event }) => event === 'codex.started');
  process.kill(Number(fields.child_pid), 'SIGKILL');
  const over = await received.waitFor(({ type }) => type === 'codex_login_chatgpt_completed');
  expect(over).toMatchObject({ login_id: loginId, success: false });
  expect(await account.status()).toMatchObject({ login_in_progress: false });
  expect(await account.cancelLogin(loginId)).toBe('not_found');
});
