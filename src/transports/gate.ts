/**
 * The gate: one function for all transports, asked before any route and any upgrade. In this order: is this
 * Host ours, is this Origin ours, is this credential valid, may its bearer go through this door. What it lets
 * in carries a `Caller`; what it refuses has touched nothing.
 *
 * A request is local when the server is bound to loopback, the peer and the Host are loopback, no proxy has
 * left a trace, and the peer is a process of the user who runs the server; or when it came through the unix
 * socket without a trace of a proxy. Being local replaces a missing token, never a wrong one.
 */
import type { IncomingMessage } from 'node:http';
import { HOOKS_ONLY, NO_RIGHTS, OWNER, refusalOf } from '../access.ts';
import type { Config } from '../config.ts';
import { OrbitError } from '../errors.ts';
import {
  DOOR_SCOPES,
  type Door,
  NAMESPACE_SCOPES,
  type NamespaceName,
} from '../protocol/scopes.ts';
import type { Caller } from '../runtime/rooms/rooms.ts';
import type { TokenBook } from '../runtime/tokens.ts';
import {
  type Credential,
  createHookProofCheck,
  createTokenCheck,
  credentialOf,
  type HookProofCheck,
  type ProvenHook,
  type TokenCheck,
} from './admission/credential.ts';
import {
  comesFromProxy,
  createNames,
  type Ends,
  type HostKind,
  isLoopbackAddress,
  type LocalEnd,
  type Names,
  type Peers,
  plainAddress,
  splitTarget,
  type Target,
} from './admission/peer.ts';
import { createThrottle, type Throttle } from './admission/throttle.ts';
import { fieldsOf, isNavigation, isPreflight } from './http/requests.ts';
import type { Clock } from './ports.ts';

/** The part of a request that the gate looks at. */
type GateRequest = Pick<IncomingMessage, 'rawHeaders' | 'httpVersion' | 'url' | 'method'> & {
  readonly socket: Ends;
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
   * @param doorOf which door a path leads to; asked after Host is known to be ours
   */
  judge(request: GateRequest, doorOf: (path: string) => Door): Verdict;
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

/** Tells the two verdicts apart. */
export function isRefusal(verdict: object): verdict is Refusal {
  return 'error' in verdict;
}

/** What the gate judges by. */
export interface GateDeps {
  config: Pick<
    Config,
    'bind' | 'token' | 'localTrust' | 'allowInsecureNoAuth' | 'allowHosts' | 'allowOrigins'
  > &
    Partial<Pick<Config, 'tls'>>;
  /** Where the secret of hooks is; without it no proof is valid. */
  hookSecretPath?: string | undefined;
  /** The named tokens; without it there are none. */
  tokens?: Pick<TokenBook, 'judge'> | undefined;
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
  /** Every caller is admitted. */
  readonly #isOpen: boolean;

  constructor(deps: GateDeps) {
    const { config, clock } = deps;
    this.#deps = deps;
    this.#names = createNames(config);
    this.#isValid = createTokenCheck(config.token);
    this.#proves = createHookProofCheck(deps.hookSecretPath);
    this.#throttle = createThrottle({ clock });
    this.#isOpen = config.token === null && config.allowInsecureNoAuth;
  }

  judge(request: GateRequest, doorOf: (path: string) => Door): Verdict {
    const { maxHeaderFields } = this.#deps;
    const headers = fieldsOf(request.rawHeaders);
    if (request.rawHeaders.length > maxHeaderFields * 2) {
      return refusal(new OrbitError('headers_too_large', { limit: maxHeaderFields }));
    }
    const names = this.#names;
    const local = localEnd(request.socket, this.#deps.peers);
    const named = judgeHost({ headers, url: request.url ?? '', names, local });
    if ('error' in named) return named;
    const { target, host, kind } = named;
    const origin = judgeOrigin({ headers, names, host, kind, local });
    const isLink = isNavigation(request, headers) && doorOf(target.path) === 'page';
    if (origin.error && !isLink) return refusal(origin.error);

    const address = this.#deps.peers.isUnixSocket(request.socket)
      ? 'unix'
      : plainAddress(request.socket.remoteAddress ?? '');
    const isLocal = this.#isLocal(request, kind);
    const { corsOrigin } = origin;
    if (corsOrigin !== null && isPreflight(request, headers)) {
      const caller: Caller = { kind: 'anonymous', address, rights: NO_RIGHTS };
      return { caller, target, isLocal, corsOrigin, provenHook: null, isPreflight: true };
    }
    const door = doorOf(target.path);
    const credential = credentialOf(headers, door === 'ws' ? target.query : null);
    const admission = { target, isLocal, corsOrigin, isPreflight: false };
    if (credential.kind === 'hook-proof') {
      const provenHook = this.#proves(credential.proof, headers);
      if (provenHook === null) return this.#wrongCredential(address, isLocal);
      if (DOOR_SCOPES[door] !== 'hook') return onlyHooks();
      const caller: Caller = { kind: 'token', address, rights: HOOKS_ONLY };
      return { ...admission, caller, provenHook };
    }
    // A plain program of the same user may hand in hooks, also where all else needs a token.
    const mayHook = isLocal && DOOR_SCOPES[door] === 'hook' && !bringsToken(target, headers);
    const caller =
      credential.kind === 'none'
        ? this.#withoutCredential(address, isLocal, mayHook)
        : this.#judgeCredential(credential, address, isLocal);
    if (isRefusal(caller)) return caller;
    const refused = doorRefusal(caller, door);
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

  /** The peer's user comes last: only who is local in all else is worth asking the system. */
  #isLocal(request: GateRequest, kind: HostKind): boolean {
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

function doorRefusal({ rights }: Caller, door: Door): Refusal | null {
  const error = refusalOf(rights, DOOR_SCOPES[door], 'This path');
  return error === null ? null : asRefusal(error);
}

function asRefusal(error: OrbitError): Refusal {
  return error.code === 'unauthorized' ? unauthorized() : refusal(error);
}

/** A token in a place where hooks have none: its sender expects it to be checked. */
function bringsToken({ query }: Target, headers: Map<string, string[]>): boolean {
  return headers.has('sec-websocket-protocol') || new URLSearchParams(query).has('token');
}

function localEnd(socket: GateRequest['socket'], peers: Peers): LocalEnd {
  if (peers.isUnixSocket(socket)) return { address: '', port: null };
  const { localAddress, localPort } = socket;
  return { address: localAddress ?? '', port: localPort ?? 0 };
}

/** The Host rule, for the header and for the authority of an absolute-form target alike. */
function judgeHost(given: {
  headers: Map<string, string[]>;
  url: string;
  names: Names;
  local: LocalEnd;
}): { target: Target; host: string; kind: HostKind } | Refusal {
  const target = splitTarget(given.url);
  const [host, ...more] = given.headers.get('host') ?? [];
  if (target === null || host === undefined || more.length > 0) {
    const reason = 'A request needs a target of ours and exactly one Host header';
    return refusal(new OrbitError('bad_request', { reason }));
  }
  const kind = given.names.kindOfHost(host, given.local);
  const isConsistent =
    target.authority === null || given.names.kindOfHost(target.authority, given.local) === kind;
  if (kind === null || !isConsistent) {
    const reason = 'This Host is not one of ours; --allow-host adds a name';
    return refusal(new OrbitError('forbidden', { reason }));
  }
  return { target, host, kind };
}

function judgeOrigin(given: {
  headers: Map<string, string[]>;
  names: Names;
  host: string;
  kind: HostKind;
  local: LocalEnd;
}): { error: OrbitError | null; corsOrigin: string | null } {
  const { headers, names, host, kind, local } = given;
  const origins = headers.get('origin') ?? [];
  const [origin] = origins;
  if (origins.length === 1 && origin !== undefined && names.isAllowedOrigin(origin)) {
    // Such a page is cross-site by nature, so Sec-Fetch-Site has nothing to add.
    return { error: null, corsOrigin: origin };
  }
  const isOwn =
    origins.length === 0 ||
    (origins.length === 1 && names.isOwnOrigin(origin ?? '', host, kind, local));
  const sites = headers.get('sec-fetch-site') ?? [];
  if (isOwn && sites.every((site) => site === 'same-origin' || site === 'none')) {
    return { error: null, corsOrigin: null };
  }
  const reason = 'This Origin is not ours; --allow-origin adds one';
  return { error: new OrbitError('forbidden', { reason }), corsOrigin: null };
}

function refusal(error: OrbitError, headers: Record<string, string> = {}): Refusal {
  return { error, headers };
}

function onlyHooks(): Refusal {
  const reason = 'The secret of hooks may hand in hooks and nothing else';
  return refusal(new OrbitError('forbidden', { reason }));
}

function unauthorized(): Refusal {
  return refusal(new OrbitError('unauthorized'), { 'WWW-Authenticate': 'Bearer' });
}
