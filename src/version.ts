/**
 * The version of this program: put in by the build, read from package.json when run from the sources.
 */
import { readFileSync } from 'node:fs';

declare const __VERSION__: string | undefined;

/** Version as in package.json, such as `0.1.0`. */
export function serverVersion(): string {
  if (typeof __VERSION__ === 'string') return __VERSION__;
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
