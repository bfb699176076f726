/**
 * How arktype works here, imported before it: validators are not compiled. Compiling them costs 10 MiB
 * and a fifth of the CPU time of a start, and a hook costs the same either way.
 */
import { configure } from 'arktype/config';

configure({ jitless: true });
