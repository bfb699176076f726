/**
 * arktype as the server uses it; every schema takes it from here. Validators are not compiled: compiling them
 * costs 10 MiB and a fifth of the CPU time of a start, and a hook costs the same either way. What an import
 * of arktype itself brings before this file, ignores that.
 */
import './arktype-setup.ts';

export { type ArkError, type ArkErrors, scope, type } from 'arktype';
