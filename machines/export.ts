/**
 * A chart in the forms other tools read: Mermaid for documents, SCXML (W3C) for interpreters and checkers,
 * JSON for everything else. Made from the description, so that nothing is left out; pure, free of Node.
 */
import type { AnyStateMachine } from 'xstate';
import {
  describeMachine,
  type EdgeDescription,
  type MachineDescription,
  type StateDescription,
} from './describe.ts';

/** The forms a chart can be had in. */
export type ChartFormat = 'mermaid' | 'scxml' | 'json';

/** File name endings by form. */
export const CHART_ENDINGS: Record<ChartFormat, string> = {
  mermaid: 'mmd',
  scxml: 'scxml',
  json: 'json',
};

/** A chart as text. The same machine always gives the same text. */
export function exportChart(machine: AnyStateMachine, format: ChartFormat): string {
  const chart = describeMachine(machine);
  if (format === 'json') return `${JSON.stringify(chart, null, 2)}\n`;
  return format === 'mermaid' ? toMermaid(chart) : toScxml(chart);
}

/** Children by parent, and edges by source. */
function groups({ states, edges }: MachineDescription) {
  return {
    childrenOf: (id: string | null) => states.filter(({ parent }) => parent === id),
    edgesOf: (id: string) => edges.filter(({ source }) => source === id),
  };
}

// ---- Mermaid ---------------------------------------------------------------------------------------

/** `stateDiagram-v2`. Regions of a parallel state are parted by `--`, as Mermaid wants it. */
function toMermaid(chart: MachineDescription): string {
  const { childrenOf } = groups(chart);
  const [root] = childrenOf(null);
  const lines = ['stateDiagram-v2'];
  if (root) lines.push(...mermaidState(chart, root, 1));
  // Edges stand outside of all states: inside a region Mermaid would draw their ends anew.
  for (const edge of chart.edges) lines.push(...mermaidEdge(edge));
  return `${lines.join('\n')}\n`;
}

function mermaidState(chart: MachineDescription, state: StateDescription, depth: number): string[] {
  const { childrenOf } = groups(chart);
  const pad = '  '.repeat(depth);
  const label = `${pad}state "${state.key}" as ${mermaidId(state.id)}`;
  const children = childrenOf(state.id);
  if (children.length === 0) return [label];
  const lines = [`${label} {`];
  for (const [at, child] of children.entries()) {
    if (at > 0 && state.type === 'parallel') lines.push(`${pad}  --`);
    lines.push(...mermaidState(chart, child, depth + 1));
  }
  if (state.initial) lines.push(`${pad}  [*] --> ${mermaidId(state.initial)}`);
  for (const child of children) {
    if (child.type === 'final') lines.push(`${pad}  ${mermaidId(child.id)} --> [*]`);
  }
  return [...lines, `${pad}}`];
}

function mermaidEdge(edge: EdgeDescription): string[] {
  const words = [
    edge.event,
    edge.guard === null ? '' : `[${edge.guard}]`,
    edge.actions.length > 0 ? `/ ${edge.actions.join(', ')}` : '',
  ].filter(Boolean);
  // A colon would end the label, a semicolon the line.
  const label = words.join(' ').replaceAll(/[:;]/g, ' ').replaceAll('"', "'");
  const targets = edge.targets.length > 0 ? edge.targets : [edge.source];
  return targets.map(
    (target) =>
      `  ${mermaidId(edge.source)} --> ${mermaidId(target)}${label === '' ? '' : ` : ${label}`}`,
  );
}

function mermaidId(id: string): string {
  return id.replaceAll(/\W/g, '_');
}

// ---- SCXML -----------------------------------------------------------------------------------------

/** SCXML 1.0. Guards become `cond`, actions executable content of our namespace, by name. */
function toScxml(chart: MachineDescription): string {
  const [root] = groups(chart).childrenOf(null);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:orbit="urn:orbitdock" version="1.0"` +
      ` name="${xml(chart.id)}"${root ? ` initial="${xml(root.id)}"` : ''} datamodel="null">`,
    ...(root ? scxmlState(chart, root, 1) : []),
    '</scxml>',
  ];
  return `${lines.join('\n')}\n`;
}

const TAGS: Record<string, string> = { parallel: 'parallel', final: 'final', history: 'history' };

function scxmlState(chart: MachineDescription, state: StateDescription, depth: number): string[] {
  const { childrenOf, edgesOf } = groups(chart);
  const pad = '  '.repeat(depth);
  const tag = TAGS[state.type] ?? 'state';
  const initial = state.initial ? ` initial="${xml(state.initial)}"` : '';
  const lines = [
    ...scxmlActions('onentry', state.entry, depth + 1),
    ...scxmlActions('onexit', state.exit, depth + 1),
    ...edgesOf(state.id).flatMap((edge) => scxmlEdge(edge, depth + 1)),
    ...childrenOf(state.id).flatMap((child) => scxmlState(chart, child, depth + 1)),
  ];
  const open = `${pad}<${tag} id="${xml(state.id)}"${initial}`;
  return lines.length === 0 ? [`${open}/>`] : [`${open}>`, ...lines, `${pad}</${tag}>`];
}

function scxmlEdge(edge: EdgeDescription, depth: number): string[] {
  const pad = '  '.repeat(depth);
  const attributes = [
    edge.event === '' ? '' : ` event="${xml(edge.event)}"`,
    edge.guard === null ? '' : ` cond="${xml(edge.guard)}"`,
    edge.targets.length === 0 ? '' : ` target="${xml(edge.targets.join(' '))}"`,
    edge.internal && edge.targets.length > 0 ? ' type="internal"' : '',
  ].join('');
  const content = edge.actions.map((name) => `${pad}  <orbit:action name="${xml(name)}"/>`);
  if (content.length === 0) return [`${pad}<transition${attributes}/>`];
  return [`${pad}<transition${attributes}>`, ...content, `${pad}</transition>`];
}

function scxmlActions(tag: 'onentry' | 'onexit', names: string[], depth: number): string[] {
  if (names.length === 0) return [];
  const pad = '  '.repeat(depth);
  const content = names.map((name) => `${pad}  <orbit:action name="${xml(name)}"/>`);
  return [`${pad}<${tag}>`, ...content, `${pad}</${tag}>`];
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
