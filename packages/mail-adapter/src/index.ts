export { mailNotifier } from './mail-notifier.js';
export type { MailNotifierOptions } from './options.js';
