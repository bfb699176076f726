/** Colours of code: highlight.js through lowlight, as pieces of text; loaded on demand (code.tsx). */
import bash from 'highlight.js/lib/languages/bash';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import json from 'highlight.js/lib/languages/json';
import markdown from 'highlight.js/lib/languages/markdown';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';

const lowlight = createLowlight({
  ...{ bash, css, diff, go, java, json, markdown, python, rust, sql, swift, typescript, xml, yaml },
});
lowlight.registerAlias({
  bash: ['sh', 'zsh', 'shell', 'console'],
  typescript: ['ts', 'tsx', 'js', 'jsx', 'mjs', 'cjs', 'mts', 'javascript'],
  python: ['py'],
  rust: ['rs'],
  yaml: ['yml'],
  xml: ['html', 'svg', 'vue'],
  markdown: ['md'],
  java: ['kt', 'kotlin', 'c', 'cpp', 'h', 'cs'],
});

/** A stretch of text and its class; null: no colour. */
export interface Piece {
  text: string;
  kind: string | null;
}

type Tree = ReturnType<typeof lowlight.highlight>;
type Child = Tree['children'][number];

/** The text in pieces; null for a language that is not known. */
export function highlight(text: string, language: string): Piece[] | null {
  if (!lowlight.registered(language)) return null;
  const pieces: Piece[] = [];
  const take = (nodes: readonly Child[], kind: string | null): void => {
    for (const node of nodes) {
      if (node.type === 'text') pieces.push({ text: node.value, kind });
      else if (node.type === 'element') {
        const names = node.properties.className;
        take(node.children, Array.isArray(names) ? names.join(' ') : kind);
      }
    }
  };
  take(lowlight.highlight(language, text).children, null);
  return pieces;
}
