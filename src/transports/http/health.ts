/** `GET /health`: whether the server is well, for supervisors, scripts and `status`. Nobody needs a token. */
import { OrbitError } from '../../errors.ts';
import type { Hall } from '../../runtime/hall.ts';
import type { PlainDoor } from './plain-door.ts';

interface HealthDeps {
  hall: Pick<Hall, 'health'>;
  version: string;
  /** Whether anybody on the network gets in (`--allow-insecure-no-auth`). */
  isInsecure: boolean;
}

/** The door for `HEALTH_PATH`; who is anonymous does not learn the version. */
export function createHealthDoor({ hall, version, isInsecure }: HealthDeps): PlainDoor {
  return async ({ method }, response, { caller }) => {
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      throw new OrbitError('method_not_allowed', { allow: 'GET' });
    }
    const health = {
      ...hall.health(),
      ...(isInsecure && { insecure: true }),
      ...(caller.kind !== 'anonymous' && { version }),
    };
    return { status: 200, body: JSON.stringify(health) };
  };
}
