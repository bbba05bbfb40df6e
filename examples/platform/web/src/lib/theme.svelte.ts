/** Light, dark, or as the system has it. `public/theme.js` applies the choice before the first paint. */

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'quayside-theme';
const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };

const stored = (): Theme => {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
};

class ThemeChoice {
  now = $state<Theme>(stored());

  next(): void {
    this.now = NEXT[this.now];
    if (this.now === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.now;
    try {
      if (this.now === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, this.now);
    } catch {
      // Without storage it holds until the page is loaded again.
    }
  }
}

export const theme = new ThemeChoice();
