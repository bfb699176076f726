/**
 * `install-service` and `uninstall-service`: the server as a service of the user's own service manager,
 * systemd on Linux and launchd on macOS, or (`--system`) of the machine's systemd under the user's name. Paths are quoted as each of them reads it, and a token never
 * is in the definition: the server reads it from its file.
 */
import { chownSync, existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Option } from 'clipanion';
import { type Config, resolveConfig } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import { makeDirectory, openDataDirectory, writeFileAtomically } from '../files.ts';
import { createToken, readTokenFile } from '../secrets.ts';
import { isStandalone } from '../standalone.ts';
import { OrbitCommand } from './command.ts';
import { hasHookScript, writeHookHeaders } from './hook-files.ts';
import { managerOrRefusal, ownerOf, type ServiceManager } from './service-manager.ts';

/** Registers the server with the user's service manager. */
export class InstallServiceCommand extends OrbitCommand {
  static override paths = [['install-service']];
  static override usage = OrbitCommand.Usage({
    description: 'Run the server as a service of your user (systemd, launchd)',
    details: `
      Writes the definition of the service; with \`--enable\` it is started now and at each login. A
      bind beyond loopback needs a token: where there is none, one is made and saved as
      \`generate-token\` does.
    `,
    examples: [['Start it now and at each login', '$0 install-service --enable']],
  });

  bind = Option.String('--bind', { description: 'IP:port, [IPv6]:port or localhost:port' });
  enable = Option.Boolean('--enable', false, { description: 'Start it now and at each login' });
  tlsCert = Option.String('--tls-cert', { description: 'As of start: the certificate (PEM)' });
  tlsKey = Option.String('--tls-key', { description: 'The key of --tls-cert (PEM)' });
  requireTls = Option.Boolean('--require-tls', { description: 'As of start' });
  allowOrigins = Option.Array('--allow-origin', { description: 'As of start' });
  allowHosts = Option.Array('--allow-host', { description: 'As of start' });
  trustedProxies = Option.Array('--trusted-proxy', { description: 'As of start' });
  basePath = Option.String('--base-path', { description: 'As of start' });
  otlpEndpoint = Option.String('--otlp-endpoint', { description: 'As of start' });
  allowPrivatePush = Option.Boolean('--allow-private-push', { description: 'As of start' });
  system = Option.Boolean('--system', false, {
    description:
      'Of the machine instead of your login (systemd, as root): runs as the user who called sudo',
  });

  /** With `sudo` the service and its data are those of the user who called it. */
  protected override home(): string {
    return this.system ? ownerOf(this.context.env, super.home()).home : super.home();
  }

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home(), this.system);
    const paths = this.directory();
    process.umask(0o077);
    const owner = this.system ? ownerOf(this.context.env, super.home()) : null;
    // Made by root, it would not be its user's.
    if (owner !== null && !existsSync(paths.dir)) {
      throw new ExitError(
        EXIT.configuration,
        `${paths.dir} does not exist; run \`orbitdock-server init\` as ${owner.name} first`,
      );
    }
    if (owner === null) openDataDirectory(paths);
    this.#makeTokenIfNeeded();
    // Refuses now what the service would be refused for at each of its starts.
    const config = resolveConfig(this.sources(this));
    const address = this.#words(config);
    const program = [...this.#program(), '--data-dir', paths.dir, 'start', ...address];
    makeDirectory(dirname(manager.file));
    const mode = this.system ? 0o644 : 0o600;
    writeFileAtomically(manager.file, manager.definition(program, owner?.name ?? null), { mode });
    this.printLine(`  Wrote ${manager.file}`);
    if (!this.enable) {
      this.printLine('  To enable:', `    ${manager.enableWords.join(' ')}`);
      return EXIT.ok;
    }
    manager.enable();
    this.printLine(
      `  Service enabled and started on ${config.bind.host}:${config.bind.port}`,
      ...manager.hints,
    );
    return EXIT.ok;
  }

  /** What was said here as the service is started with it; paths as the configuration has them, which are absolute. */
  #words({ tls }: Config): string[] {
    const one = (name: string, value: string | undefined) =>
      value === undefined ? [] : [name, value];
    const each = (name: string, values: readonly string[] | undefined) =>
      (values ?? []).flatMap((value) => [name, value]);
    return [
      ...one('--bind', this.bind),
      ...(tls === null ? [] : ['--tls-cert', tls.cert, '--tls-key', tls.key]),
      ...(this.requireTls ? ['--require-tls'] : []),
      ...each('--allow-origin', this.allowOrigins),
      ...each('--allow-host', this.allowHosts),
      ...each('--trusted-proxy', this.trustedProxies),
      ...one('--base-path', this.basePath),
      ...one('--otlp-endpoint', this.otlpEndpoint),
      ...(this.allowPrivatePush ? ['--allow-private-push'] : []),
    ];
  }

  #makeTokenIfNeeded(): void {
    const paths = this.directory();
    const isWide = this.bind !== undefined && !/^(127\.|localhost:|\[::1\])/.test(this.bind);
    const isFronted = Boolean(this.allowHosts ?? this.trustedProxies);
    if (!(isWide || isFronted) || readTokenFile(paths.token) !== null) return;
    const { uid, gid } = statSync(paths.dir);
    writeFileAtomically(paths.token, `${createToken()}\n`, { mode: 0o600, owner: { uid, gid } });
    if (hasHookScript(paths)) {
      writeHookHeaders(paths);
      chownSync(paths.hookHeaders, uid, gid);
    }
    this.printLine(`  Auth token generated and saved to ${paths.token}`);
  }

  /** Node by its absolute path: a service has no PATH of a login. */
  #program(): string[] {
    if (isStandalone()) return [process.execPath];
    return [process.execPath, realpathSync(process.argv[1] ?? '')];
  }
}

/** Takes the service away again. */
export class UninstallServiceCommand extends OrbitCommand {
  static override paths = [['uninstall-service']];
  static override usage = OrbitCommand.Usage({
    description: 'Stop the service and remove its definition',
    details: 'The data directory stays.',
    examples: [['Remove the service', '$0 uninstall-service']],
  });

  system = Option.Boolean('--system', false, { description: 'The one of the machine' });

  protected async run(): Promise<number> {
    const manager = managerOrRefusal(this.context.env, this.home(), this.system);
    if (!existsSync(manager.file)) {
      this.printLine(`  There is no service: ${manager.file} does not exist`);
      return EXIT.ok;
    }
    const reason = this.#stop(manager);
    rmSync(manager.file);
    // What `enable` has made, where nobody could be asked to take it away.
    const link = join(dirname(manager.file), 'default.target.wants', basename(manager.file));
    if (reason !== null) rmSync(link, { force: true });
    this.printLine(
      reason === null
        ? `  Service stopped; removed ${manager.file}`
        : `  Removed ${manager.file}; it does not run: ${reason}`,
    );
    return EXIT.ok;
  }

  /** @returns why it could not be stopped where it does not run; null when it was */
  #stop(manager: ServiceManager): string | null {
    try {
      manager.disable();
      return null;
    } catch (error) {
      // Over ssh without a login session there is no manager of the user, and so nothing that it runs.
      if (!(error instanceof ExitError) || manager.isActive()) throw error;
      return error.message;
    }
  }
}
