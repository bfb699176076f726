/**
 * The gate: one function for all transports, asked before any route and any upgrade. In this order: is this
 * Host ours, is this Origin ours, is this credential valid, may its bearer use this endpoint. What it lets
 * in carries a `Caller`; what it refuses has touched nothing.
 *
 * A request is local when the server is bound to loopback, the peer and the Host are loopback, no proxy has
 * left a trace, and the peer is a process of the user who runs the server; or when it came through the unix
 * socket without a trace of a proxy. What comes from a proxy that the owner trusts is never local; the caller's
 * address is then that of the proxy's client. Being local replaces a missing token, never a wrong one.
 */
import type { IncomingMessage } from 'node:http';
import { HOOKS_ONLY, NO_RIGHTS, OWNER, refusalOf } from '../access.ts';
import type { Config } from '../config.ts';
import { OrbitError } from '../errors.ts';
import {
  ENDPOINT_SCOPES,
  type Endpoint,
  NAMESPACE_SCOPES,
  type NamespaceName,
} from '../protocol/scopes.ts';
import type { Caller } from '../runtime/rooms/rooms.ts';
import type { NamedTokens } from '../runtime/tokens.ts';
import {
  type Credential,
  createHookProofCheck,
  createThrottle,
  createTokenCheck,
  credentialOf,
  type HookProofCheck,
  type ProvenHook,
  type Throttle,
  type TokenCheck,
} from './admission/credential.ts';
import {
  createNames,
  judgeHost,
  judgeOrigin,
  type LocalEnd,
  type NamedHost,
  type Names,
  noTarget,
  splitTarget,
  type Target,
} from './admission/host-and-origin.ts';
import {
  comesFromProxy,
  createTrustedProxies,
  type Ends,
  type Forwarded,
  isLoopbackAddress,
  type Peers,
  plainAddress,
  type TrustedProxies,
} from './admission/peer.ts';
import type { Clock } from './dependencies.ts';
import { fieldsOf, isNavigation, isPreflight } from './http/requests.ts';

type Fields = ReturnType<typeof fieldsOf>;

/** The part of a request that the gate looks at. */
type GateRequest = Pick<IncomingMessage, 'rawHeaders' | 'httpVersion' | 'url' | 'method'> & {
  readonly socket: Ends & { readonly encrypted?: boolean };
};

/** A caller who is admitted, and where to. */
export interface Admission {
  readonly caller: Caller;
  readonly target: Target;
  /** Came from this machine by the rule above, whether or not that was enough to get in. */
  readonly isLocal: boolean;
  /** The Origin when `--allow-origin` names it: then answers carry CORS headers. */
  readonly corsOrigin: string | null;
  /** What a hook's own secret has proven; its sender may do nothing else. Null for all other callers. */
  readonly provenHook: ProvenHook | null;
  /** What a trusted proxy says of the client; null where none is between. */
  readonly forwarded: Forwarded | null;
  /** A browser asking whether it may ask; answered without looking at a credential. */
  readonly isPreflight: boolean;
}

/** Why not, ready to be sent by any transport. */
export interface Refusal {
  readonly error: OrbitError;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the gate says of a request. */
type Verdict = Admission | Refusal;

/** Decides about every request before anything else sees it. */
export interface Gate {
  /**
   * Judges a request. Never throws.
   *
   * @param endpointOf which endpoint a path leads to; asked after Host is known to be ours
   */
  judge(request: GateRequest, endpointOf: (path: string) => Endpoint): Verdict;
  /** The address of who asks: behind a trusted proxy that of its client, `unix` for our unix socket. */
  addressOf(request: GateRequest): string;
  /**
   * Judges what came later than its request, as socket.io's CONNECT to a namespace does.
   *
   * @param token undefined when still none came; then who is anonymous is refused where that matters
   */
  judgeLater(
    token: string | undefined,
    from: Admission,
    namespace: NamespaceName,
  ): Caller | Refusal;
  /**
   * Notes a wrong pairing code, as a wrong token is noted.
   *
   * @returns the refusal to answer with
   */
  wrongCode(from: Admission): Refusal;
}

/** Distinguishes the two verdicts. */
export function isRefusal(verdict: object): verdict is Refusal {
  return 'error' in verdict;
}

/** What the gate judges by. */
export interface GateDeps {
  config: Pick<
    Config,
    'bind' | 'token' | 'localTrust' | 'allowInsecureNoAuth' | 'allowHosts' | 'allowOrigins'
  > &
    Partial<Pick<Config, 'tls' | 'trustedProxies' | 'basePath' | 'requireTls'>>;
  /** Where the secret of hooks is; without it no proof is valid. */
  hookSecretPath?: string | undefined;
  /** The named tokens; without it there are none. */
  tokens?: Pick<NamedTokens, 'judge'> | undefined;
  /** Who is at the other end of a connection. */
  peers: Peers;
  clock: Clock;
  maxHeaderFields: number;
}

/** @throws Error for an empty token, see `createTokenCheck` */
export function createGate(deps: GateDeps): Gate {
  return new ServerGate(deps);
}

class ServerGate implements Gate {
  readonly #deps: GateDeps;
  readonly #names: Names;
  readonly #isValid: TokenCheck;
  readonly #proves: HookProofCheck;
  readonly #throttle: Throttle;
  readonly #proxies: TrustedProxies | null;
  /** Every caller is admitted. */
  readonly #isOpen: boolean;

  constructor(deps: GateDeps) {
    const { config, clock } = deps;
    this.#deps = deps;
    this.#names = createNames(config);
    const { trustedProxies = [] } = config;
    this.#proxies = trustedProxies.length > 0 ? createTrustedProxies(trustedProxies) : null;
    this.#isValid = createTokenCheck(config.token);
    this.#proves = createHookProofCheck(deps.hookSecretPath);
    this.#throttle = createThrottle({ clock });
    this.#isOpen = config.token === null && config.allowInsecureNoAuth;
  }

  judge(request: GateRequest, endpointOf: (path: string) => Endpoint): Verdict {
    const { maxHeaderFields } = this.#deps;
    const headers = fieldsOf(request.rawHeaders);
    if (request.rawHeaders.length > maxHeaderFields * 2) {
      return refusal(new OrbitError('headers_too_large', { limit: maxHeaderFields }));
    }
    const names = this.#names;
    const local = localEnd(request.socket, this.#deps.peers);
    const forwarded = this.#forwarded(request, headers);
    const target = splitTarget(request.url ?? '', this.#deps.config.basePath);
    if (target === null) return refusal(noTarget());
    const named = judgeHost({ headers, target, names, local, forwarded });
    if (named instanceof OrbitError) return refusal(named);
    const origin = judgeOrigin({ headers, names, named, local });
    const isLink = isNavigation(request, headers) && endpointOf(target.path) === 'page';
    if (origin.error && !isLink) return refusal(origin.error);

    const address = this.#addressOf(request, forwarded);
    if (!this.#isPrivate(request, forwarded)) return notEncrypted();
    const isLocal = forwarded === null && this.#isLocal(request, named);
    const { corsOrigin } = origin;
    if (corsOrigin !== null && isPreflight(request, headers)) {
      const caller: Caller = { kind: 'anonymous', address, rights: NO_RIGHTS };
      const nothing = { corsOrigin, provenHook: null, forwarded };
      return { caller, target, isLocal, ...nothing, isPreflight: true };
    }
    const endpoint = endpointOf(target.path);
    const credential = credentialOf(headers, endpoint === 'ws' ? target.query : null);
    const admission = { target, isLocal, corsOrigin, forwarded, isPreflight: false };
    if (credential.kind === 'hook-proof') {
      const provenHook = this.#proves(credential.proof, headers);
      if (provenHook === null) return this.#wrongCredential(address, isLocal);
      if (ENDPOINT_SCOPES[endpoint] !== 'hook') return onlyHooks();
      const caller: Caller = { kind: 'token', address, rights: HOOKS_ONLY };
      return { ...admission, caller, provenHook };
    }
    // A plain program of the same user may hand in hooks, also where all else needs a token.
    const mayHook =
      isLocal && ENDPOINT_SCOPES[endpoint] === 'hook' && !bringsToken(target, headers);
    const caller =
      credential.kind === 'none'
        ? this.#withoutCredential(address, isLocal, mayHook)
        : this.#judgeCredential(credential, address, isLocal);
    if (isRefusal(caller)) return caller;
    const refused = endpointRefusal(caller, endpoint);
    return refused ?? { ...admission, caller, provenHook: null };
  }

  judgeLater(
    token: string | undefined,
    { caller: before, isLocal }: Admission,
    namespace: NamespaceName,
  ): Caller | Refusal {
    const caller =
      token === undefined
        ? before
        : this.#judgeCredential({ kind: 'token', token }, before.address, isLocal);
    if (isRefusal(caller)) return caller;
    const error = refusalOf(caller.rights, NAMESPACE_SCOPES[namespace], `Namespace ${namespace}`);
    return error === null ? caller : asRefusal(error);
  }

  wrongCode({ caller, isLocal }: Admission): Refusal {
    const refused = this.#wrongCredential(caller.address, isLocal);
    return refused.error.code === 'unauthorized'
      ? refusal(new OrbitError('pairing_refused'))
      : refused;
  }

  addressOf(request: GateRequest): string {
    return this.#addressOf(request, this.#forwarded(request, fieldsOf(request.rawHeaders)));
  }

  #addressOf({ socket }: GateRequest, forwarded: Forwarded | null): string {
    if (this.#deps.peers.isUnixSocket(socket)) return 'unix';
    return forwarded?.address ?? plainAddress(socket.remoteAddress ?? '');
  }

  #forwarded({ socket }: GateRequest, headers: Fields): Forwarded | null {
    if (this.#proxies === null || this.#deps.peers.isUnixSocket(socket)) return null;
    return this.#proxies.read(socket.remoteAddress, headers);
  }

  /** Whether the connection is private, where that is asked for: encrypted, or within this machine. */
  #isPrivate(request: GateRequest, forwarded: Forwarded | null): boolean {
    const { socket } = request;
    if (!this.#deps.config.requireTls || this.#deps.peers.isUnixSocket(socket)) return true;
    if (forwarded !== null) return forwarded.scheme === 'https';
    if (socket.encrypted === true) return true;
    return isLoopbackAddress(socket.remoteAddress ?? '') && !comesFromProxy(request);
  }

  /** The peer's user comes last: only who is local in all else is worth asking the system. */
  #isLocal(request: GateRequest, { kind }: NamedHost): boolean {
    const { config, peers } = this.#deps;
    const { socket } = request;
    if (kind === 'loopback' && peers.isUnixSocket(socket)) return !comesFromProxy(request);
    return (
      config.bind.isLoopback &&
      kind === 'loopback' &&
      isLoopbackAddress(socket.remoteAddress ?? '') &&
      !comesFromProxy(request) &&
      peers.isSameUser(socket)
    );
  }

  /** Turns a credential that is there into a caller or a 401. */
  #judgeCredential(
    credential: Exclude<Credential, { kind: 'none' | 'hook-proof' }>,
    address: string,
    isLocal: boolean,
  ): Caller | Refusal {
    if (credential.kind === 'contradictory') {
      return refusal(new OrbitError('bad_request', { reason: credential.reason }));
    }
    if (credential.kind === 'token') {
      if (this.#isValid(credential.token)) return { kind: 'token', address, rights: OWNER };
      const rights = this.#deps.tokens?.judge(credential.token) ?? null;
      if (rights !== null) return { kind: 'token', address, rights };
    }
    return this.#wrongCredential(address, isLocal);
  }

  #wrongCredential(address: string, isLocal: boolean): Refusal {
    // The owner's own mistakes on his own machine need no punishment, unless locals need tokens too.
    const seconds = this.#trusts(isLocal) ? 0 : this.#throttle.failed(address);
    if (seconds === 0) return unauthorized();
    const error = new OrbitError('too_many_attempts', { seconds });
    return refusal(error, { 'Retry-After': String(seconds) });
  }

  #withoutCredential(address: string, isLocal: boolean, mayHook: boolean): Caller {
    if (this.#trusts(isLocal)) return { kind: 'local', address, rights: OWNER };
    if (this.#isOpen) return { kind: 'anonymous', address, rights: OWNER };
    if (mayHook) return { kind: 'local', address, rights: HOOKS_ONLY };
    return { kind: 'anonymous', address, rights: NO_RIGHTS };
  }

  #trusts(isLocal: boolean): boolean {
    const { token, localTrust } = this.#deps.config;
    return isLocal && (token === null || localTrust);
  }
}

function endpointRefusal({ rights }: Caller, endpoint: Endpoint): Refusal | null {
  const error = refusalOf(rights, ENDPOINT_SCOPES[endpoint], 'This path');
  return error === null ? null : asRefusal(error);
}

function asRefusal(error: OrbitError): Refusal {
  return error.code === 'unauthorized' ? unauthorized() : refusal(error);
}

/** A token in a place where hooks have none: its sender expects it to be checked. */
function bringsToken({ query }: Target, headers: Fields): boolean {
  return headers.has('sec-websocket-protocol') || new URLSearchParams(query).has('token');
}

function localEnd(socket: GateRequest['socket'], peers: Peers): LocalEnd {
  if (peers.isUnixSocket(socket)) return { address: '', port: null };
  const { localAddress, localPort } = socket;
  return { address: localAddress ?? '', port: localPort ?? 0 };
}

function refusal(error: OrbitError, headers: Record<string, string> = {}): Refusal {
  return { error, headers };
}

function notEncrypted(): Refusal {
  const reason =
    'The way to this server has to be encrypted (--require-tls): come by https. A proxy that ends TLS needs ' +
    '--trusted-proxy ADDRESS and has to set X-Forwarded-Proto';
  return refusal(new OrbitError('forbidden', { reason }));
}

function onlyHooks(): Refusal {
  const reason = 'The secret of hooks may hand in hooks and nothing else';
  return refusal(new OrbitError('forbidden', { reason }));
}

function unauthorized(): Refusal {
  return refusal(new OrbitError('unauthorized'), { 'WWW-Authenticate': 'Bearer' });
}
