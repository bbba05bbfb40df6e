import { contractsOf } from '../law.js';

export const PROXY = contractsOf('docs/guides/write-a-proxy-manager.md', {
  describing:
    'A proxy has a name, an identity that is stable and unique among proxies, and says what it reaches and what it can do.',
  signals:
    'Every method answers `aborted` once its signal is aborted, at once where it is so already, and then does nothing. No call leaves a listener behind.',
  putting:
    'put() creates the route or replaces its targets at once, is idempotent, and answers only when the proxy has taken it over: get() then tells the new value.',
  replacing:
    'A put that replaces leaves no gap: every request on the way is answered by the old instance or by the new one.',
  expecting:
    'With `expect` a put writes only where the route points to that instance now (null: where there is none), else `route-changed`; a proxy that cannot compare answers `unsupported` and puts nothing.',
  removing:
    'remove() takes away a route that carries this mark, and answers when it is gone: `removed`, `absent`, or `foreign`, which is left alone.',
  ownership:
    'A route is ours by its mark alone. What is held without it, or with another, is `domain-taken` for a put and `foreign` for a removal, and goes on serving as it did.',
  listing:
    'list() answers every route whose mark begins with the store’s id, and no other; get() whatever holds a domain, whoever made it.',
  proving:
    'prove() looks through the front door until the route’s domain is answered by this very instance, as asked, and by no other. Until then it is `route-unproved`, at the latest when `timeoutMs` is over.',
  shares:
    'With `weights` each target gets its share of the requests; with `sticky` a visitor stays with the target that answered first.',
  holding:
    'With `holding` the proxy answers visitors itself: 503, `Retry-After`, and a page with the message as plain text. A proof passes it by, and holds only while visitors get just that answer.',
  counting:
    'inFlight() counts what an instance has accepted and not finished; statistics() what it has answered to visitors, and what the proxy answered in its place. A proof is no visitor.',
  options: 'parseOptions() refuses what it does not know, with the path where it was written.',
  closing: 'close() lets go of everything, twice is ok, and afterwards every call answers `closed`.',
});
