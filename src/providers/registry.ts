/** The providers of a server, by their ids. The runtime asks here and imports none of them. */
import { OrbitError } from '../errors.ts';
import type { Hook } from '../protocol/hook.ts';
import type { Catalog, HookReading, Provider, Steering } from './provider.ts';

/** All providers that a server has. */
export interface Providers extends Iterable<Provider> {
  /** @throws OrbitError `unsupported` when the server has no such provider */
  of(id: string): Provider;
  /** @throws OrbitError `unsupported` when the server only watches sessions of this provider */
  steering(id: string): Steering;
  /** Null where the provider has no catalog. */
  catalog(id: string): Catalog | null;
  /** What a hook means to the provider whose it is; null when another source reports it. */
  readHook(hook: Hook): HookReading | null;
}

/** @param list  each id once; the order is the order in which their models are listed */
export function createProviders(list: readonly Provider[]): Providers {
  const byId = new Map<string, Provider>(list.map((provider) => [provider.id, provider]));
  if (byId.size < list.length) throw new Error('two providers have the same id');

  function of(id: string): Provider {
    const provider = byId.get(id);
    if (provider) return provider;
    const reason = `this server has ${[...byId.keys()].join(', ') || 'no provider'}`;
    throw new OrbitError('unsupported', { what: `The provider ${id}`, reason });
  }

  return {
    of,
    steering(id) {
      const { steering, name } = of(id);
      if (steering) return steering;
      const reason = 'sessions of it are watched; start them in a terminal';
      throw new OrbitError('unsupported', { what: `Running ${name}`, reason });
    },
    catalog: (id) => byId.get(id)?.catalog ?? null,
    readHook(hook) {
      for (const provider of list) {
        const reading = provider.readHook?.(hook);
        if (reading) return reading;
      }
      return null;
    },
    [Symbol.iterator]: () => list[Symbol.iterator](),
  };
}
