/**
 * The configuration: flags over environment over defaults, resolved in one place for every form of the
 * command line, then frozen. Every path below the data directory is named here and nowhere else.
 */

/** Paths below the data directory. */
export interface DataPaths {
  readonly dir: string;
  readonly database: string;
  readonly lock: string;
  readonly pid: string;
  /** Where the running server can be found; informative, the lock decides. */
  readonly server: string;
  /** Epoch and commit count outside the database, to notice a restored backup. */
  readonly epoch: string;
  readonly token: string;
  readonly hookScript: string;
  readonly hookConfig: string;
  /** Authorization header for hook.sh's curl, 0600. */
  readonly hookHeaders: string;
  readonly logs: string;
  readonly log: string;
  readonly spool: string;
  readonly quarantine: string;
  readonly images: string;
}

export interface BindAddress {
  readonly host: string;
  readonly port: number;
  /** True for 127.0.0.0/8 and ::1 only. */
  readonly isLoopback: boolean;
}

export interface Config {
  readonly paths: DataPaths;
  readonly bind: BindAddress;
  /** The one secret, or null: then only local callers get in. */
  readonly token: string | null;
  readonly allowInsecureNoAuth: boolean;
  /** With a token on a loopback bind: local callers still need none (decisions.md 21). */
  readonly localTrust: boolean;
  /** Extra origins such as `https://dock.example`, exact. */
  readonly allowOrigins: readonly string[];
  /** Extra host names; any makes the token mandatory. */
  readonly allowHosts: readonly string[];
  readonly durability: 'full' | 'normal';
  readonly log: LogConfig;
}

export interface LogConfig {
  readonly filter: string;
  readonly format: 'json' | 'pretty';
  readonly truncateOnStart: boolean;
  readonly runId: string;
}
