/**
 * The certificate of `--tls-cert` and `--tls-key`: read whole or refused, and read again when it was renewed, without
 * closing any connection. A pair that does not fit (one of two files is written already) leaves the old one in use.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsFiles } from '../config.ts';
import { EXIT, ExitError } from '../exit.ts';
import type { Logger } from '../log.ts';
import { type Clock, errorFrom } from './ports.ts';

/** How often it is looked whether the files were replaced, ms. */
const LOOK_EVERY_MS = 5000;

/** What a server is made with, and again with each new certificate: what is left out would go back to a default. */
export interface Certificate extends SecureContextOptions {
  cert: Buffer;
  key: Buffer;
}

/**
 * Reads both files and tries them.
 *
 * @throws ExitError 78, naming the files, when they cannot be read or do not fit each other
 */
export function readCertificate({ cert, key }: TlsFiles): Certificate {
  try {
    const certificate: Certificate = {
      ...{ cert: readFileSync(cert), key: readFileSync(key) },
      minVersion: 'TLSv1.2',
    };
    createSecureContext(certificate);
    return certificate;
  } catch (cause) {
    const reason = errorFrom(cause).message;
    const sentence = `The certificate ${cert} with the key ${key} cannot be used: ${reason}`;
    throw new ExitError(EXIT.configuration, sentence, { cause });
  }
}

/** Takes over a renewed certificate. @returns `reload` at once; `stop` looks no more */
export function watchCertificate(deps: {
  server: Server;
  files: TlsFiles;
  clock: Clock;
  log: Logger;
}): { reload(): void; stop(): void } {
  const { server, files, clock, log } = deps;
  let known = stampOf(files);
  const reload = (): void => {
    try {
      server.setSecureContext(readCertificate(files));
      known = stampOf(files);
      log.info('tls.reloaded', { path: files.cert });
    } catch (error) {
      // Tried again at the next look: the other file may be on its way.
      log.warn('tls.not_reloaded', {}, errorFrom(error).message);
    }
  };
  const stop = clock.every(LOOK_EVERY_MS, () => {
    if (stampOf(files) !== known) reload();
  });
  return { reload, stop };
}

/** Changes when one of the files is another one, also behind a link. */
function stampOf(files: TlsFiles): string {
  return [files.cert, files.key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs}` : 'none';
    })
    .join();
}
