/**
 * The service that people sign in with, on loopback: gives tokens for any code and says what the account
 * is. With it a login runs to its end without a person, a browser or the network.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running service. */
export interface FakeSignIn extends AsyncDisposable {
  /** What a `codex` needs in its environment to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** The line of config.toml that goes with it. */
  readonly config: string;
  /** Does what the browser of a person does who agrees. @throws when the login page does not thank */
  agree(authUrl: string): Promise<void>;
  /** From now on it does not answer any more. */
  close(): Promise<void>;
}

/** The account that everybody here has. */
export const ACCOUNT = { id: 'acc-1', email: 'dev@example.com', plan: 'plus' } as const;

/** The year 2100: a token that need not be refreshed. */
const EXPIRES = 4_102_444_800;

/** Starts a service on a free port of 127.0.0.1. */
export async function startFakeSignIn(): Promise<FakeSignIn> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    env: {
      CODEX_APP_SERVER_LOGIN_ISSUER: url,
      CODEX_REFRESH_TOKEN_URL_OVERRIDE: `${url}/oauth/token`,
    },
    config: `chatgpt_base_url = "${url}"`,
    async agree(authUrl) {
      const { searchParams } = new URL(authUrl);
      const callback = new URL(searchParams.get('redirect_uri') ?? '');
      callback.searchParams.set('code', 'agreed');
      callback.searchParams.set('state', searchParams.get('state') ?? '');
      // The login is over only when its last page was shown; fetch goes there by itself.
      const page = await fetch(callback);
      if (!page.ok) throw new Error(`The login ended with ${page.status}: ${await page.text()}`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const path = request.url?.split('?')[0] ?? '';
  response.setHeader('content-type', 'application/json');
  if (path === '/oauth/token') {
    const [id_token, access_token] = [token(), token()];
    response.end(JSON.stringify({ id_token, access_token, refresh_token: 'refresh-1' }));
  } else if (path.endsWith('/accounts/check')) {
    response.end(JSON.stringify({ accounts: [account()] }));
  } else {
    response.writeHead(404).end('{}');
  }
}

function account(): object {
  return {
    id: ACCOUNT.id,
    name: 'Dev',
    plan_type: ACCOUNT.plan,
    structure: 'personal',
    workspace_backend_origin: 'https://chatgpt.com',
    account_routing_override: 'NO_CONSTRAINT',
    profile_picture_url: null,
  };
}

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    email: ACCOUNT.email,
    exp: EXPIRES,
    'https://api.openai.com/auth': {
      chatgpt_plan_type: ACCOUNT.plan,
      chatgpt_account_id: ACCOUNT.id,
      chatgpt_user_id: 'user-1',
    },
  };
  return [part({ alg: 'none', typ: 'JWT' }), part(claims), 'unsigned'].join('.');
}
