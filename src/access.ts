/**
 * Who may use the server, as its command line says it: whether that can be granted safely is decided here, once,
 * before anything starts. A leaf: called by config.ts.
 */
import { resolve } from 'node:path';
import { type BindAddress, formatAddress } from './address.ts';
import { EXIT, ExitError } from './exit.ts';
import { checkToken, readTokenFile } from './secrets.ts';

/** What the command line of `start` can say about access; absent means not said. */
export interface AccessFlags {
  authToken?: string | undefined;
  authTokenFile?: string | undefined;
  requireAuth?: boolean | undefined;
  localTrust?: boolean | undefined;
  allowInsecureNoAuth?: boolean | undefined;
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
  // Set but empty is a broken secret store, not a wish to run open.
  const fromEnv = env.ORBITDOCK_AUTH_TOKEN;
  return fromEnv === undefined ? null : checkToken(fromEnv, 'ORBITDOCK_AUTH_TOKEN');
}

/** @throws ExitError 64 when flags exclude each other */
export function refuseContradictions(
  flags: AccessFlags,
  bind: BindAddress,
  allowHosts: readonly string[],
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
}

/** @throws ExitError 64 when others could reach the server and there is no token */
export function refuseWithoutToken(
  bind: BindAddress,
  flags: AccessFlags,
  allowHosts: readonly string[],
): void {
  const reason = flags.requireAuth
    ? '--require-auth'
    : allowHosts.length > 0
      ? '--allow-host'
      : null;
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

/** An explicit token means "ask everybody"; a token file lying there does not lock the app out. */
export function trustsLocal(given: {
  flags: AccessFlags;
  bind: BindAddress;
  allowHosts: readonly string[];
  hasExplicitToken: boolean;
}): boolean {
  if (!given.bind.isLoopback || given.flags.requireAuth || given.allowHosts.length > 0)
    return false;
  return given.flags.localTrust === true || !given.hasExplicitToken;
}
