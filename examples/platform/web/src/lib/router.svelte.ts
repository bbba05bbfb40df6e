/** Addresses of the page: `/`, `/p/{project}/{stage}`, `/d/{deployment}`, `/i/{instance}`. The host answers each with the page itself. */

export type Place =
  | { readonly view: 'overview' }
  | { readonly view: 'stage'; readonly project: string; readonly stage: string }
  | { readonly view: 'deployment'; readonly id: string }
  | { readonly view: 'instance'; readonly id: string }
  | { readonly view: 'nowhere' };

export const pathOf = {
  overview: '/',
  stage: (project: string, stage: string) => `/p/${encodeURIComponent(project)}/${encodeURIComponent(stage)}`,
  deployment: (id: string) => `/d/${encodeURIComponent(id)}`,
  instance: (id: string) => `/i/${encodeURIComponent(id)}`,
};

export function placeOf(pathname: string): Place {
  let parts: string[];
  try {
    parts = pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return { view: 'nowhere' };
  }
  const [what, first, second] = parts;
  if (what === undefined) return { view: 'overview' };
  if (what === 'p' && first !== undefined && second !== undefined && parts.length === 3)
    return { view: 'stage', project: first, stage: second };
  if (what === 'd' && first !== undefined && parts.length === 2) return { view: 'deployment', id: first };
  if (what === 'i' && first !== undefined && parts.length === 2) return { view: 'instance', id: first };
  return { view: 'nowhere' };
}

class Router {
  path = $state(location.pathname);
  place = $derived(placeOf(this.path));

  constructor() {
    addEventListener('popstate', () => {
      this.path = location.pathname;
    });
    // Plain links are enough: what stays in the page is caught here, and everything else is the browser's.
    document.addEventListener('click', (event) => {
      if (
        event.defaultPrevented ||
        event.button !== 0 ||
        event.metaKey ||
        event.ctrlKey ||
        event.shiftKey ||
        event.altKey
      )
        return;
      const link = (event.target as Element).closest('a');
      if (link?.target !== '' || link.origin !== location.origin || link.hash !== '') return;
      event.preventDefault();
      this.go(link.pathname);
    });
  }

  go(path: string): void {
    if (path !== location.pathname) history.pushState(null, '', path);
    this.path = path;
    scrollTo(0, 0);
  }
}

export const router = new Router();
