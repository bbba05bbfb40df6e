/** What a screen reader is told of things that happen without being asked for. One polite region says them (App.svelte). */
class Announcer {
  text = $state('');
}

export const announcer = new Announcer();

export function announce(text: string): void {
  announcer.text = text;
}
