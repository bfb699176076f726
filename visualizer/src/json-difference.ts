/**
 * A JSON tree with what changed since another one, as flat lines: the context panel shows them, screen
 * readers read them out. Pure.
 */
import type { Json } from '../../src/protocol/inspect.ts';

/** One line of the tree. */
export interface TreeLine {
  /** Where it stands, for keys and for folding: `session.name`. */
  path: string;
  depth: number;
  key: string;
  /** Null for an object or a list whose parts follow. */
  value: Json;
  /** How many parts an object or a list has; -1 for a plain value. */
  size: number;
  change: 'same' | 'added' | 'removed' | 'changed' | 'inside';
  /** What it was, for a changed plain value. */
  before?: Json;
}

/** The lines of a tree, in its order; removed ones behind their siblings. */
export function linesOf(now: Json, before: Json | undefined, path = '', depth = 0): TreeLine[] {
  const lines: TreeLine[] = [];
  const parts = partsOf(now);
  const beforeParts = before === undefined ? undefined : partsOf(before);
  for (const [key, value] of parts) {
    const old = beforeParts?.get(key);
    const change = old === undefined ? (beforeParts ? 'added' : 'same') : changeOf(value, old);
    lines.push(...lineOf({ key, value, old, change, path, depth }));
  }
  for (const [key, old] of beforeParts ?? []) {
    if (!parts.has(key)) {
      lines.push(...lineOf({ key, value: old, old: undefined, change: 'removed', path, depth }));
    }
  }
  return lines;
}

interface Part {
  key: string;
  value: Json;
  old: Json | undefined;
  change: TreeLine['change'];
  path: string;
  depth: number;
}

function lineOf({ key, value, old, change, path, depth }: Part): TreeLine[] {
  const own = path === '' ? key : `${path}.${key}`;
  if (!isTree(value)) {
    const before = change === 'changed' && old !== undefined ? { before: old } : {};
    return [{ path: own, depth, key, value, size: -1, change, ...before }];
  }
  const inner = linesOf(
    value,
    change === 'added' || change === 'removed' ? undefined : old,
    own,
    depth + 1,
  ).map((line) => (change === 'added' || change === 'removed' ? { ...line, change } : line));
  return [{ path: own, depth, key, value: null, size: partsOf(value).size, change }, ...inner];
}

function changeOf(value: Json, old: Json): TreeLine['change'] {
  if (JSON.stringify(value) === JSON.stringify(old)) return 'same';
  return isTree(value) && isTree(old) ? 'inside' : 'changed';
}

function isTree(value: Json): value is Json[] | { [key: string]: Json } {
  return typeof value === 'object' && value !== null;
}

function partsOf(value: Json): Map<string, Json> {
  if (Array.isArray(value)) return new Map(value.map((item, index) => [String(index), item]));
  return new Map(isTree(value) ? Object.entries(value) : []);
}
