/**
 * What `doctor` finds out about the way from outside: it asks the server through the proxy in front of it, as a browser
 * and a script would, and says what does not arrive. What has arrived the server says itself (`seen` of `/health`).
 */
import type { SeenRequest } from '../address.ts';
import { mintToken } from '../secrets.ts';
import type { TokenRow } from '../store/tokens.ts';
import { changeDatabase, type OrbitCommand } from './command.ts';
import type { Finding } from './doctor-checks.ts';
import { untilTaken } from './status.ts';
import { changeNow } from './tokens.ts';

const ANSWER_WITHIN_MS = 8_000;
const ABOUT = 'proxy in front';
const WEBSOCKET_LINES =
  'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;';
const HOST_LINES =
  'nginx: proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Host $http_host;';
const PROTO_LINE = 'nginx: proxy_set_header X-Forwarded-Proto $scheme;';
const FOR_LINE = 'nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';
const CERTIFICATE = /CERT|SIGNED|TLS|SSL|UNABLE_TO|ALTNAME/;

/** Where and with what it is tried. */
interface Trial {
  /** As clients have it, such as `https://dock.example/dock`. */
  url: string;
  /** A token of scope `observe`. */
  token: string;
  /** Where the server itself listens. */
  upstream: string;
}

interface Answer {
  status: number;
  location: string | null;
  /** What the server says of itself; null where the answer is not one of ours. */
  health: { seen?: SeenRequest; error?: { message?: string } } | null;
}

/** Asks through the proxy: first a request, then what a page needs, then a WebSocket. */
export async function frontFindings(trial: Trial): Promise<Finding[]> {
  const first = await ask(trial);
  if (typeof first === 'string') return [notReached(trial, first)];
  const seen = first.health?.seen;
  if (seen === undefined) return [refused(trial, first)];
  const reached: Finding = { about: ABOUT, state: 'ok', text: `${trial.url} leads to this server` };
  return [
    reached,
    await pageFinding(trial, seen),
    callerFinding(trial, seen),
    await socketFinding(trial),
  ];
}

async function ask({ url, token }: Trial, more: Record<string, string> = {}) {
  try {
    const answer = await fetch(`${url}/health`, {
      headers: { Authorization: `Bearer ${token}`, ...more },
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const health = objectFrom(await answer.text());
    return { status: answer.status, location: answer.headers.get('location'), health };
  } catch (error) {
    const { cause, name, message } = error as Error & { cause?: { code?: string } };
    return cause?.code ?? (name === 'TimeoutError' ? name : message);
  }
}

function objectFrom(text: string): Answer['health'] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    // A page of the proxy, or of another server.
    return null;
  }
}

function problem(text: string, remedy: string, about = ABOUT): Finding {
  return { about, state: 'problem', text, remedy };
}

function notReached({ url }: Trial, code: string): Finding {
  const { host, hostname } = new URL(url);
  if (/^(ENOTFOUND|EAI_)/.test(code)) {
    return problem(`the name ${hostname} is not known here (${code})`, 'enter it in your DNS');
  }
  if (CERTIFICATE.test(code)) {
    const remedy = 'NODE_EXTRA_CA_CERTS=FILE before `doctor` trusts your own authority';
    return problem(
      `this machine does not trust the certificate of ${host} (${code})`,
      `${remedy}; browsers need one that they trust`,
    );
  }
  const words = code === 'TimeoutError' ? `does not answer in ${ANSWER_WITHIN_MS / 1000} s` : code;
  return problem(
    `${url} is not reached: ${words}`,
    `start the proxy, or say with --url where clients come in`,
  );
}

/** An answer came, and it is not that of a caller whom we know. */
function refused({ url, upstream }: Trial, { status, location, health }: Answer): Finding {
  const { hostname, pathname } = new URL(url);
  if (location !== null) {
    return problem(`${url} leads to ${location}`, `doctor --url with the address at its end`);
  }
  if (status >= 502 && status <= 504 && health === null) {
    return problem(
      `the proxy does not reach the server (${status})`,
      `have it pass requests to ${upstream}`,
    );
  }
  if (status === 403 && health?.error) {
    return problem(
      `the server refuses what comes through: ${health.error.message}`,
      `start --allow-host ${hostname}, and have the proxy keep the name and the scheme. ${HOST_LINES} ${PROTO_LINE}`,
    );
  }
  if (status === 200 && health !== null) {
    const remedy = 'take `proxy_set_header Authorization` and a login of the proxy out';
    return problem('the proxy takes the token off (Authorization)', remedy);
  }
  if (status === 404) {
    const remedy =
      pathname === '/'
        ? `have it pass all paths to ${upstream}`
        : `start --base-path ${pathname}, or have the proxy take ${pathname} off`;
    return problem(`the path does not reach the server (404)`, remedy);
  }
  const who = health === null ? 'something else answers' : 'the server answers';
  return problem(`${who} at ${url} with ${status}`, `have it pass requests to ${upstream}`);
}

/** A page sends its Origin with each request: it has to be that of the name and the scheme which arrived. */
async function pageFinding(trial: Trial, seen: SeenRequest): Promise<Finding> {
  const about = `${ABOUT}, pages`;
  const { origin, host, protocol } = new URL(trial.url);
  const answer = await ask(trial, { Origin: origin });
  if (typeof answer !== 'string' && answer.status === 200) {
    return { about, state: 'ok', text: `requests of a page at ${origin} are taken` };
  }
  const isNamed = seen.host.toLowerCase() === host.toLowerCase();
  if (!isNamed) {
    const text = `the server is not given the name that browsers use: it sees ${JSON.stringify(seen.host)}, so every page is refused`;
    return problem(text, HOST_LINES, about);
  }
  const isSchemed = seen.scheme === null || `${seen.scheme}:` === protocol;
  const text = `a page at ${origin} is refused${isSchemed ? '' : `: the proxy says that clients come by ${seen.scheme}`}`;
  return problem(text, isSchemed ? HOST_LINES : PROTO_LINE, about);
}

/** Who is behind the proxy, for journal, log and the limits of wrong tokens. */
function callerFinding({ url }: Trial, seen: SeenRequest): Finding {
  const about = `${ABOUT}, callers`;
  const note = (text: string, remedy: string): Finding => {
    return { about, state: 'note', text, remedy };
  };
  if (!seen.is_trusted) {
    const text = `all clients have the address of the proxy (${seen.address}), in the log and where wrong tokens are counted`;
    return note(text, `start --trusted-proxy ${seen.address}. ${FOR_LINE}`);
  }
  if (!seen.fields.includes('x-forwarded-for')) {
    return note('the proxy does not say which client has asked it', FOR_LINE);
  }
  if (url.startsWith('https') && seen.scheme !== 'https') {
    return note('the proxy does not say that the client has come by https', PROTO_LINE);
  }
  return { about, state: 'ok', text: `the proxy names its clients; this one is ${seen.address}` };
}

async function socketFinding({ url, token }: Trial): Promise<Finding> {
  const about = `${ABOUT}, WebSockets`;
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, {
    // As a script: what a page is refused for is said of pages.
    headers: { Authorization: `Bearer ${token}` },
    handshakeTimeout: ANSWER_WITHIN_MS,
  });
  const end = await new Promise<'hello' | 'silent' | number | Error>((resolve) => {
    const timer = setTimeout(() => resolve('silent'), ANSWER_WITHIN_MS);
    socket.once('message', () => resolve('hello'));
    socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode ?? 0));
    socket.once('error', resolve);
    socket.once('close', () => clearTimeout(timer));
  });
  // An error of a connection that is ended here says nothing.
  socket.on('error', () => {});
  socket.terminate();
  if (end === 'hello') return { about, state: 'ok', text: 'they pass, in both directions' };
  if (end === 'silent') {
    const remedy = 'switch buffering off for this path. nginx: proxy_buffering off;';
    return problem('one opens, and nothing of the server arrives', remedy, about);
  }
  if (end instanceof Error) return problem(`none opens: ${end.message}`, WEBSOCKET_LINES, about);
  const isStripped = end === 426 || end === 400;
  const text = isStripped
    ? `the proxy does not pass the upgrade on (${end})`
    : `none opens: the answer is ${end}`;
  return problem(text, WEBSOCKET_LINES, about);
}

const MINUTE_MS = 60_000;

/** Runs something with a token that may only read, which ends with it, and within a minute in any case. */
export async function withTokenOfAMinute<T>(
  command: OrbitCommand,
  work: (token: string) => Promise<T>,
): Promise<T> {
  const { text, id, digest } = mintToken();
  const now = Date.now();
  const at = new Date(now).toISOString();
  const until = new Date(now + MINUTE_MS).toISOString();
  const { forgetToken, insertToken } = await import('../store/tokens.ts');
  const token: TokenRow = {
    ...{ id, name: `doctor ${id}`, digest, scopes: ['observe'], made_by: 'command' },
    ...{ created_at: at, expires_at: until, last_used_at: null, revoked_at: null },
    replaced_at: null,
  };
  await changeNow(command, (database) => insertToken(database, token, at));
  await untilTaken(command.directory(), text);
  try {
    return await work(text);
  } finally {
    await changeDatabase(command, (database) => forgetToken(database, id));
  }
}
