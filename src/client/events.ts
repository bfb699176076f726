/** Listeners by event, and nothing else. */

type Listener<Args extends unknown[]> = (...args: Args) => void;

/** Those who listen, by the name of what they listen to. */
export interface Events<Map extends { [Name in keyof Map]: unknown[] }> {
  /** @returns stops listening */
  on<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): () => void;
  /** A listener that throws stops nobody else; its error surfaces as the platform's uncaught error. */
  emit<Name extends keyof Map>(name: Name, ...args: Map[Name]): void;
}

/** Events of one client. */
export function createEvents<Map extends { [Name in keyof Map]: unknown[] }>(): Events<Map> {
  const listeners: { [Name in keyof Map]?: Set<Listener<Map[Name]>> } = {};
  return {
    on(name, listener) {
      const set = listeners[name] ?? new Set();
      listeners[name] = set;
      set.add(listener);
      return () => void set.delete(listener);
    },
    emit(name, ...args) {
      for (const listener of listeners[name] ?? []) {
        try {
          listener(...args);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
