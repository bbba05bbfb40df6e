/** docs/notifications.md names every option that there is, and no other. */
import { expect, it } from 'vitest';
import { propertiesOf } from './compile.js';
import { pageOf, rowsOf, section } from './pages.js';

const page = pageOf('docs/notifications.md');
const documented = (heading: string) => [...rowsOf(section(page, heading)).keys()].sort();
const ofAll = documented('## Options of all over HTTP');
const own = (type: string) =>
  propertiesOf('@quayside/http-adapter', type)
    .filter((name) => !ofAll.includes(name))
    .sort();

it.each([
  ['## Slack, Discord, Teams', 'ChatOptions'],
  ['## Telegram', 'TelegramNotifierOptions'],
  ['## ntfy', 'NtfyNotifierOptions'],
])('below "%s"', (heading, type) => {
  expect(documented(heading)).toEqual(own(type));
  expect(propertiesOf('@quayside/http-adapter', type)).toEqual(expect.arrayContaining(ofAll));
});

it('below "## E-mail"', () => {
  const shared = ['name', 'events', 'linkScheme'];
  const options = propertiesOf('@quayside/mail-adapter', 'MailNotifierOptions');
  expect(options).toEqual(expect.arrayContaining(shared));
  expect(documented('## E-mail')).toEqual(options.filter((name) => !shared.includes(name)).sort());
});
