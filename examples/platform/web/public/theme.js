// Before the first paint: a page that was chosen to be dark does not flash white.
try {
  const theme = localStorage.getItem('quayside-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage, no choice: the system's preference stands.
}
