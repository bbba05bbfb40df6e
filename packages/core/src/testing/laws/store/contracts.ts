import { contractsOf } from '../law.js';

export const STORE = contractsOf('docs/guides/write-a-store.md', {
  identity:
    'storeId() answers 12 characters of `[0-9a-z]`, drawn when the store was made, and the same for ever over every connection.',
  records:
    'A record’s version is 1 when it is inserted and grows by one with every write. An insert over what is there, and a version that does not fit, are a `store-conflict` that names the record.',
  'all-or-nothing':
    'commit() does all of its changes, in their order, or none: what fails at the last one has written nothing and drawn no number. More than 100 are `store-refused`.',
  expectations:
    'Expectations are about what was there before the commit, and hold until it is done. One that is not met is a `store-conflict`, and nothing is written.',
  fences:
    'A commit under a fence happens only while the lease is held under that very token, from the first look until the end; else it is `lease-lost` and writes nothing. Fences are looked at first.',
  leases:
    'A lease is a record like any other: who may take it over is the core’s to say, and a put of the right version always does. From then on the old token fences nothing.',
  'at-once':
    'Of commits at once over several connections one comes after the other: one wins, the others are told of a conflict, and nobody waits for ever.',
  streams:
    'A stream counts from 1 without a gap, in the order in which commits become visible; read() gives what is behind a number, oldest first, at most 1 000. Trimmed numbers are not used again.',
  lists:
    'list() walks a declared index by id, either way, goes on behind a cursor, and answers at most 1 000. What no index covers is a `bug`.',
  values: 'What goes in comes out exactly as it was, and as a copy.',
  signals:
    'Every method answers `aborted` once its signal is aborted, at once where it is so already, and then does nothing. No call leaves a listener behind.',
  following:
    'subscribe() calls back soon after commits, whoever made them, until it is taken back. A listener that throws harms nobody.',
  closing:
    'close() may be called twice. Afterwards every call answers `closed`, and what was under way is answered by what has become of it.',
});
