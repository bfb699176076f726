/**
 * `tokens` and `pair`: who may come in besides the owner. Both write the database, also beside a running server,
 * which notices within half a second; a secret is shown once and kept nowhere.
 */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'clipanion';
import { SCOPES, type Scope } from '../access.ts';
import { formatAddress } from '../address.ts';
import { EXIT, ExitError } from '../exit.ts';
import { mintPairingCode, mintToken } from '../secrets.ts';
import type { TokenRow } from '../store/tokens.ts';
import { changeDatabase, columns, type DatabaseChange, OrbitCommand } from './command.ts';
import { askToLook, isHeld, lookAtServer, untilTaken } from './status.ts';

const SCOPE_WORDS = `
  - \`hook\`: hand in hooks; reads nothing

  - \`observe\`: see sessions

  - \`control\`: also steer them, answer, run commands, look into directories

  - \`admin\`: also change the account that agents work with`;

/** Unless said otherwise. */
const DEFAULT_TTL = '90d';
/** A link that was not opened by then is worth nothing. */
const LINK_MINUTES = 5;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@()-]{0,63}$/u;

/** Makes a named token. */
export class TokensCreateCommand extends OrbitCommand {
  static override paths = [['tokens', 'create']];
  static override usage = OrbitCommand.Usage({
    category: 'Tokens',
    description: 'Make a token for a person, a program or a device',
    details: `
      The token is printed this once; the database keeps a digest of it. A running server takes it within
      half a second. What it may do is yours to say:
      ${SCOPE_WORDS}
    `,
    examples: [
      ['For a dashboard, good for 90 days', '$0 tokens create dashboard --scope observe'],
      ['For hooks of another machine', '$0 tokens create laptop --scope hook --ttl none'],
    ],
  });

  name = Option.String({ name: 'name' });
  scopes = Option.Array('--scope', { description: `${SCOPES.join(', ')}; may be repeated` });
  ttl = Option.String('--ttl', DEFAULT_TTL, {
    description: 'How long it is good, such as 12h or 90d; none: until it is revoked',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'Print the token and nothing else' });

  protected async run(): Promise<number> {
    const name = nameFrom(this.name);
    const scopes = scopesFrom(this.scopes);
    const ttl = durationFrom(this.ttl, '--ttl');
    const { text, id, digest } = mintToken();
    const now = Date.now();
    const token = {
      ...{ id, name, digest, scopes, made_by: 'command' as const, created_at: iso(now) },
      ...{ expires_at: ttl === null ? null : iso(now + ttl) },
      ...{ last_used_at: null, revoked_at: null, replaced_at: null },
    };
    const { insertToken } = await import('../store/tokens.ts');
    await changeNow(this, (database) => insertToken(database, token, iso(now)));
    await untilTaken(this.directory(), text);
    showSecret(this, token, text);
    return EXIT.ok;
  }
}

/** Says who may come in. */
export class TokensListCommand extends OrbitCommand {
  static override paths = [['tokens', 'list'], ['tokens']];
  static override usage = OrbitCommand.Usage({
    category: 'Tokens',
    description: 'List the tokens, also those that are over',
    examples: [
      ['All', '$0 tokens list'],
      ['For programs', '$0 tokens list --json'],
    ],
  });

  json = Option.Boolean('--json', false, { description: 'One JSON object instead of words' });

  protected async run(): Promise<number> {
    const { isTokenGood, listTokens } = await import('../store/tokens.ts');
    const rows = await changeDatabase(this, listTokens);
    const now = iso(Date.now());
    const stateOf = (row: TokenRow): string => {
      if (row.revoked_at !== null && row.revoked_at !== row.expires_at) return 'revoked';
      if (!isTokenGood(row, now)) return 'over';
      return row.replaced_at === null ? 'good' : 'replaced, still good';
    };
    const tokens = rows.map(({ digest: _, ...row }) => ({
      ...row,
      state: stateOf({ ...row, digest: _ }),
    }));
    if (this.json) {
      this.printLine(JSON.stringify({ tokens }, null, 2));
      return EXIT.ok;
    }
    const lines = tokens.map((row) => [
      row.name,
      row.id,
      row.scopes.join(' '),
      row.state,
      row.expires_at?.slice(0, 10) ?? 'never',
      row.last_used_at?.slice(0, 16).replace('T', ' ') ?? 'never',
    ]);
    if (lines.length === 0) {
      this.printLine(`  No tokens. To make one: ${this.commandLine('tokens', 'create', 'NAME')}`);
      return EXIT.ok;
    }
    this.printLine(...columns([['NAME', 'ID', 'SCOPES', 'STATE', 'ENDS', 'LAST USED'], ...lines]));
    return EXIT.ok;
  }
}

/** Revokes a token. */
export class TokensRevokeCommand extends OrbitCommand {
  static override paths = [['tokens', 'revoke']];
  static override usage = OrbitCommand.Usage({
    category: 'Tokens',
    description: 'End a token; its open connections are closed within a second',
    examples: [['A phone that was lost', '$0 tokens revoke phone']],
  });

  name = Option.String({ name: 'name or id' });

  protected async run(): Promise<number> {
    const at = iso(Date.now());
    const { revokeToken } = await import('../store/tokens.ts');
    const count = await changeNow(this, (database) => revokeToken(database, this.name, at));
    if (count === 0) throw noToken(this.name, this.commandLine('tokens', 'list'));
    this.printLine(`  Token ${this.name} is revoked`);
    return EXIT.ok;
  }
}

/** Replaces a secret. */
export class TokensRotateCommand extends OrbitCommand {
  static override paths = [['tokens', 'rotate']];
  static override usage = OrbitCommand.Usage({
    category: 'Tokens',
    description: 'Put a new secret in the place of a token',
    details: `
      Name and scopes stay. The old secret ends at once, or after \`--grace\`, so that what uses it can be changed
      over.
    `,
    examples: [['With a day to change over', '$0 tokens rotate dashboard --grace 24h']],
  });

  name = Option.String({ name: 'name' });
  grace = Option.String('--grace', '0s', {
    description: 'How long the old one is still good, such as 24h',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'Print the token and nothing else' });

  protected async run(): Promise<number> {
    const grace = durationFrom(this.grace, '--grace') ?? 0;
    const now = Date.now();
    const { text, id, digest } = mintToken();
    const when = { at: iso(now), until: iso(now + grace) };
    const { rotateToken } = await import('../store/tokens.ts');
    const token = await changeNow(this, (database) =>
      rotateToken(database, this.name, { id, digest }, when),
    );
    if (token === null) throw noToken(this.name, this.commandLine('tokens', 'list'));
    await untilTaken(this.directory(), text);
    showSecret(this, token, text);
    return EXIT.ok;
  }
}

/** Lets a phone or a second machine in. */
export class PairCommand extends OrbitCommand {
  static override paths = [['pair']];
  static override usage = OrbitCommand.Usage({
    category: 'Tokens',
    description: 'Show a QR code and a link that let one device in',
    details: `
      The link is good once and for ${LINK_MINUTES} minutes. The page that it opens gets a token of its own, which
      \`tokens list\` shows and \`tokens revoke\` ends. The secret stands behind the \`#\` of the link, which no
      browser sends to a server, so that it is in no log.

      A server that listens on this machine only is reached from another one through \`ssh -L\` or a proxy:
      then \`--url\` says how.
    `,
    examples: [
      ['A phone in the same network', '$0 pair --name phone'],
      ['Behind a proxy', '$0 pair --url https://dock.example'],
    ],
  });

  name = Option.String('--name', {
    description: 'Name of the token; else the device names itself',
  });
  scopes = Option.Array('--scope', { description: `${SCOPES.join(', ')}; control unless said` });
  ttl = Option.String('--ttl', DEFAULT_TTL, {
    description: 'How many days the device is let in, such as 30d; none: until it is revoked',
  });
  url = Option.String('--url', { description: 'How the device reaches the server' });
  qr = Option.Boolean('--qr', true, { description: 'Off by --no-qr: the link only' });

  protected async run(): Promise<number> {
    const scopes = scopesFrom(this.scopes ?? ['control']);
    const ttl = durationFrom(this.ttl, '--ttl');
    const name = this.name === undefined ? '' : nameFrom(this.name);
    const { note, isRunning } = await lookAtServer(this.directory());
    if (!isRunning || note === null) {
      const remedy = `start it first: ${this.commandLine('start')}`;
      throw new ExitError(EXIT.notRunning, `The server is not running; ${remedy}`);
    }
    const base = this.url === undefined ? addressFor(note) : urlFrom(this.url);
    const { text, digest } = mintPairingCode();
    const now = Date.now();
    const pairing = {
      ...{
        digest,
        name,
        scopes,
        days: ttl === null ? null : Math.max(1, Math.ceil(ttl / UNIT_MS.d)),
      },
      ...{ created_at: iso(now), expires_at: iso(now + LINK_MINUTES * UNIT_MS.m) },
    };
    const { insertPairing } = await import('../store/tokens.ts');
    await changeNow(this, (database) => insertPairing(database, pairing, iso(now)));
    const link = `${base}/#pair=${text}`;
    if (this.qr) {
      const { renderUnicodeCompact } = await import('uqr');
      this.printLine('', renderUnicodeCompact(link, { border: 2 }));
    }
    this.printLine('', `  ${link}`, '');
    this.printLine(
      `  Good once and for ${LINK_MINUTES} minutes; the device gets the scopes ${scopes.join(', ')}.`,
    );
    if (/^https?:\/\/(127\.|localhost|\[::1\])/.test(base)) {
      const { port } = new URL(base);
      this.printLine(
        '  This server is reached from this machine only. On another one:',
        `    ssh -L ${port}:127.0.0.1:${port} THIS-MACHINE`,
      );
    }
    return EXIT.ok;
  }
}

/** A server that cannot be asked looks twice a second by itself: when the command ends, what it did is in force. */
const IN_FORCE_AFTER_MS = 600;

/** Changes the database, and has a running server notice. */
export async function changeNow<T>(command: OrbitCommand, work: DatabaseChange<T>): Promise<T> {
  const result = await changeDatabase(command, work);
  if (await askToLook(command.directory())) return result;
  if (await isHeld(command.directory().lock)) await sleep(IN_FORCE_AFTER_MS);
  return result;
}

function showSecret(
  command: OrbitCommand & { quiet: boolean },
  { name, id, scopes, expires_at }: TokenRow,
  text: string,
): void {
  if (command.quiet) {
    command.printLine(text);
    return;
  }
  const ends = expires_at === null ? 'good until it is revoked' : `good until ${expires_at}`;
  command.printLine(
    '',
    `  Token ${name} (id ${id}): ${scopes.join(', ')}; ${ends}`,
    '',
    `  ${text}`,
    '',
    '  It is shown this once. As `Authorization: Bearer TOKEN`, or `auth: { token }` with socket.io.',
    '',
  );
}

/** The address in the network, where the server listens on all of them. */
function addressFor({
  scheme = 'http',
  address,
  port,
}: {
  scheme?: string;
  address: string;
  port: number;
}): string {
  if (address !== '0.0.0.0' && address !== '::') {
    return `${scheme}://${formatAddress({ host: address, port })}`;
  }
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  return `${scheme}://${formatAddress({ host: own?.address ?? '127.0.0.1', port })}`;
}

/** Reads the value of `--url`. @returns without a slash at its end @throws ExitError 64 */
export function urlFrom(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && !/[?#\s]/.test(text) && url.username === '') {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  }
  throw new ExitError(
    EXIT.usage,
    `--url ${JSON.stringify(text)} is not a URL such as https://dock.example`,
  );
}

function nameFrom(text: string): string {
  if (NAME.test(text)) return text;
  const rule = '1 to 64 letters, digits, spaces and . _ @ ( ) -, a letter or digit first';
  throw new ExitError(EXIT.usage, `${JSON.stringify(text)} is no name for a token: ${rule}`);
}

function scopesFrom(words: readonly string[] | undefined): Scope[] {
  if (words === undefined || words.length === 0) {
    const choice = 'hook (hand in hooks), observe (see), control (steer) or admin (accounts too)';
    throw new ExitError(EXIT.usage, `Say with --scope what it may do: ${choice}`);
  }
  const wrong = words.find((word) => !(SCOPES as readonly string[]).includes(word));
  if (wrong === undefined) return SCOPES.filter((scope) => words.includes(scope));
  throw new ExitError(
    EXIT.usage,
    `${JSON.stringify(wrong)} is no scope; there are ${SCOPES.join(', ')}`,
  );
}

/** @returns milliseconds; null for `none` */
function durationFrom(text: string, flag: string): number | null {
  if (text === 'none') return null;
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (digits !== undefined) return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  const rule = 'a number with s, m, h or d behind it, such as 12h, or none';
  throw new ExitError(EXIT.usage, `${flag} is ${rule}, not ${JSON.stringify(text)}`);
}

function noToken(name: string, list: string): ExitError {
  return new ExitError(
    EXIT.failure,
    `There is no good token ${JSON.stringify(name)}; \`${list}\` shows what there is`,
  );
}

const iso = (ms: number): string => new Date(ms).toISOString();
