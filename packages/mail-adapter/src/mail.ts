/** A mail that people read: text for every reader, and the same as simple HTML. */
import { type Message, type Summary, shorten, summarize } from '@quayside/core/ports';

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** By which servers and readers drop what they have had. Source: RFC 5322, 3.6.4. */
  readonly messageId: string;
  /** One for all that is told of a deployment: readers show it as one thread. */
  readonly references: readonly string[];
}

/** Characters; of a subject, and of each part. */
const LIMITS = { subject: 150, cause: 8_000, hint: 2_000, value: 500 } as const;

/** @param domain of the sender: ids are made unique by it */
export function mailOf(message: Message, linkScheme: 'http' | 'https', domain: string): Mail {
  const summary = summarize(message, linkScheme);
  const deployment = deploymentIn(message);
  const id = (of: string) => `<${of.replace(/[^A-Za-z0-9.-]/g, '-')}@${domain}>`;
  return {
    subject: shorten(summary.title.replace(/\s+/g, ' '), LIMITS.subject),
    text: textOf(summary),
    html: htmlOf(summary),
    messageId: id(message.id),
    references: deployment === undefined ? [] : [id(`deployment.${deployment}`)],
  };
}

function deploymentIn({ data }: Message): string | undefined {
  const { deployment } = data;
  if (typeof deployment !== 'object' || deployment === null || !('id' in deployment)) return undefined;
  return typeof deployment.id === 'string' ? deployment.id : undefined;
}

function textOf({ title, cause, hint, lastLines, links, facts }: Summary): string {
  const width = Math.max(...facts.map(({ label }) => label.length), 0);
  const parts = [
    `${title}.`,
    ...(cause === null ? [] : [`Cause: ${shorten(cause, LIMITS.cause)}`]),
    ...(hint === null ? [] : [`Now: ${shorten(hint, LIMITS.hint)}`]),
    links.join('\n'),
    lastLines.map((line) => `  ${line}`).join('\n'),
    facts.map(({ label, value }) => `${label.padEnd(width)}  ${shorten(value, LIMITS.value)}`).join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function htmlOf({ title, cause, hint, lastLines, links, facts }: Summary): string {
  const paragraph = (label: string, text: string) =>
    `<p><b>${label}:</b> ${escaped(text).replaceAll('\n', '<br>')}</p>`;
  const rows = facts.map(
    ({ label, value }) => `<tr><td>${label}&nbsp;</td><td>${escaped(shorten(value, LIMITS.value))}</td></tr>`,
  );
  return [
    '<!doctype html><html><head><meta charset="utf-8"></head><body style="font-family:sans-serif">',
    `<p style="font-size:1.2em"><b>${escaped(title)}</b></p>`,
    ...(cause === null ? [] : [paragraph('Cause', shorten(cause, LIMITS.cause))]),
    ...(hint === null ? [] : [paragraph('Now', shorten(hint, LIMITS.hint))]),
    ...links.map((link) => `<p><a href="${escaped(link)}">${escaped(link)}</a></p>`),
    ...(lastLines.length === 0 ? [] : [`<pre>${escaped(lastLines.join('\n'))}</pre>`]),
    ...(rows.length === 0 ? [] : [`<table>${rows.join('')}</table>`]),
    '</body></html>\n',
  ].join('\n');
}

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
