/**
 * Who may use the server. What its command line says: whether that can be granted safely is decided here, once,
 * before anything starts. And what a caller may do, once he is in: his rights against the table of
 * protocol/scopes.ts. A leaf: any layer may call it.
 */
import { resolve } from 'node:path';
import { type BindAddress, formatAddress } from './address.ts';
import { OrbitError } from './errors.ts';
import { EXIT, ExitError } from './exit.ts';
import { type Need, SCOPE_HOLDS, type Scope } from './protocol/scopes.ts';
import { checkToken, readTokenFile } from './secrets.ts';

/** What the command line of `start` can say about access; absent means not said. */
export interface AccessFlags {
  authToken?: string | undefined;
  authTokenFile?: string | undefined;
  requireAuth?: boolean | undefined;
  localTrust?: boolean | undefined;
  allowInsecureNoAuth?: boolean | undefined;
}

/** Who is between clients and us, as the command line says it. */
interface Front {
  allowHosts: readonly string[];
  trustedProxies: readonly string[];
}

/**
 * The token that flags or environment name; null when neither does. The token file of the data directory counts
 * less.
 *
 * @throws ExitError 64 or 78 for one that cannot be used
 */
export function explicitToken(
  flags: AccessFlags,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  if (flags.authToken !== undefined && flags.authTokenFile !== undefined) {
    throw new ExitError(EXIT.usage, 'Give --auth-token or --auth-token-file, not both');
  }
  if (flags.authToken !== undefined) return checkToken(flags.authToken, '--auth-token');
  if (flags.authTokenFile !== undefined) {
    const path = resolve(flags.authTokenFile);
    const token = readTokenFile(path);
    if (token !== null) return token;
    throw new ExitError(EXIT.configuration, `The token file ${path} does not exist`);
  }
  // Set but empty is a broken secret store, not a request to run open.
  const fromEnv = env.ORBITDOCK_AUTH_TOKEN;
  return fromEnv === undefined ? null : checkToken(fromEnv, 'ORBITDOCK_AUTH_TOKEN');
}

/** @throws ExitError 64 when flags exclude each other */
export function refuseContradictions(
  flags: AccessFlags,
  bind: BindAddress,
  { allowHosts, trustedProxies }: Front,
): void {
  if (!flags.localTrust) return;
  if (!bind.isLoopback) {
    throw new ExitError(EXIT.usage, '--local-trust needs a loopback bind such as 127.0.0.1:4000');
  }
  if (flags.requireAuth) {
    throw new ExitError(EXIT.usage, '--local-trust and --require-auth exclude each other');
  }
  // A proxy on this machine often passes requests on with our own Host: they would count as local.
  if (allowHosts.length > 0) {
    throw new ExitError(EXIT.usage, '--local-trust and --allow-host exclude each other');
  }
  if (trustedProxies.length > 0) {
    throw new ExitError(EXIT.usage, '--local-trust and --trusted-proxy exclude each other');
  }
}

/** @throws ExitError 64 when others could reach the server and there is no token */
export function refuseWithoutToken(
  bind: BindAddress,
  flags: AccessFlags,
  { allowHosts, trustedProxies }: Front,
): void {
  const reasons = [
    flags.requireAuth && '--require-auth',
    allowHosts.length > 0 && '--allow-host',
    trustedProxies.length > 0 && '--trusted-proxy',
  ];
  const reason = reasons.find((each) => typeof each === 'string') ?? null;
  if (reason !== null) {
    throw new ExitError(
      EXIT.usage,
      `${reason} needs a token and there is none; run \`orbitdock-server generate-token\` first`,
    );
  }
  if (bind.isLoopback || flags.allowInsecureNoAuth) return;
  throw new ExitError(
    EXIT.usage,
    `Refusing to bind ${formatAddress(bind)} without authentication: this server can run shell ` +
      'commands. Run generate-token, or bind 127.0.0.1, or pass --allow-insecure-no-auth.',
  );
}

/** @throws ExitError 64 when `--require-tls` is beside a way in that nothing encrypts */
export function refuseWithoutTls(given: {
  bind: BindAddress;
  hasTls: boolean;
  hasProxy: boolean;
}): void {
  if (given.bind.isLoopback || given.hasTls || given.hasProxy) return;
  throw new ExitError(
    EXIT.usage,
    `--require-tls: ${formatAddress(given.bind)} would not be encrypted; give --tls-cert and --tls-key, or ` +
      '--trusted-proxy for a proxy that ends TLS',
  );
}

/** An explicit token means that every caller is asked; a token file lying there does not lock the app out. */
export function trustsLocal(given: {
  flags: AccessFlags;
  bind: BindAddress;
  front: Front;
  hasExplicitToken: boolean;
}): boolean {
  const { allowHosts, trustedProxies } = given.front;
  if (allowHosts.length + trustedProxies.length > 0) return false;
  if (!given.bind.isLoopback || given.flags.requireAuth) return false;
  return given.flags.localTrust === true || !given.hasExplicitToken;
}

/*
 * Rights. An admitted caller holds an object that says what he may do at this moment: of a token that is revoked or
 * has expired it says "nothing", also on a connection that has been open for days.
 */

export { SCOPES, type Scope } from './protocol/scopes.ts';

/** What a caller may do now. */
export interface Rights {
  /** Empty once the token is revoked or has expired. */
  readonly scopes: ReadonlySet<Scope>;
  /** The named token that gives them; null for the owner, for hooks of this machine and for callers without rights. */
  readonly token: { readonly id: string; readonly name: string } | null;
}

/** The rights that these scopes give, with all that they hold. */
export function scopesFrom(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return new Set(scopes.flatMap((scope) => SCOPE_HOLDS[scope]));
}

/** Of local callers, the configured token, and of every caller where `--allow-insecure-no-auth` wants it so. */
export const OWNER: Rights = { scopes: scopesFrom(['admin']), token: null };

/** Of a program that may hand in hooks only. */
export const HOOKS_ONLY: Rights = { scopes: scopesFrom(['hook']), token: null };

/** Of a caller without a credential. */
export const NO_RIGHTS: Rights = { scopes: new Set(), token: null };

/** Whether such rights are enough. */
export function isAllowed({ scopes }: Rights, need: Need): boolean {
  if (need === 'anyone') return true;
  return need === 'known' ? scopes.size > 0 : scopes.has(need);
}

/** Whether the token that gave these rights is revoked or over: its connections have to close. */
export function hasEnded({ scopes, token }: Rights): boolean {
  return token !== null && scopes.size === 0;
}

/** WebSocket close code for a token that ended while its connection was open: 401, in the range for applications. */
export const TOKEN_ENDED = 4401;

/**
 * The refusal of what the rights do not hold; null when they are enough.
 *
 * @param what  what was wanted, as the beginning of a sentence
 * @returns `unauthorized` where nothing is allowed (any more), `forbidden` where it is something else
 */
export function refusalOf(rights: Rights, need: Need, what: string): OrbitError | null {
  if (isAllowed(rights, need)) return null;
  if (rights.scopes.size === 0) return new OrbitError('unauthorized');
  const own = [...rights.scopes].join(', ');
  const whose = rights.token === null ? 'This caller' : `Token ${rights.token.name}`;
  const remedy = `\`orbitdock-server tokens create NAME --scope ${need}\` makes one that may`;
  return new OrbitError('forbidden', {
    reason: `${what} needs the scope ${need}. ${whose} has ${own}; ${remedy}`,
  });
}
