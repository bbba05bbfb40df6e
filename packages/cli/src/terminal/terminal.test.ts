/** What is shown on a terminal: how wide it is, in which colours, and what of it stays. */
import { describe, expect, it, vi } from 'vitest';
import { LiveLine } from './live.js';
import { ageText, bytesText, durationText, timeText } from './quantities.js';
import { hasColors, lookOf } from './style.js';
import { table } from './table.js';
import { fit, plain, plainWithColors, widthOf, wrap } from './width.js';

const seen = (env: Record<string, string>, more = {}) => ({
  isTTY: true,
  env,
  platform: 'linux',
  noColor: false,
  ...more,
});

describe('colours', () => {
  it.each([
    ['a terminal', seen({}), true],
    ['a pipe', seen({}, { isTTY: false }), false],
    ['NO_COLOR', seen({ NO_COLOR: '1' }), false],
    ['an empty NO_COLOR', seen({ NO_COLOR: '' }), true],
    ['FORCE_COLOR in a pipe', seen({ FORCE_COLOR: '1' }, { isTTY: false }), true],
    ['FORCE_COLOR=0', seen({ FORCE_COLOR: '0' }), false],
    ['FORCE_COLOR before NO_COLOR', seen({ FORCE_COLOR: '1', NO_COLOR: '1' }), true],
    ['--no-color before all', seen({ FORCE_COLOR: '1' }, { noColor: true }), false],
    ['a dumb terminal', seen({ TERM: 'dumb' }), false],
  ])('for %s', (_what, given, expected) => {
    expect(hasColors(given)).toBe(expected);
  });

  it('come with signs that the terminal has', () => {
    expect(lookOf(seen({})).signs.done).toBe('✔');
    expect(lookOf(seen({ LANG: 'C' })).signs.done).toBe('ok');
    expect(lookOf(seen({ TERM: 'linux' })).signs.done).toBe('ok');
    expect(lookOf(seen({ LANG: 'C', LC_ALL: 'en_US.UTF-8' })).signs.done).toBe('✔');
  });
});

describe('widths', () => {
  it('count columns, not characters', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('港口')).toBe(4);
    expect(widthOf('e\u0301')).toBe(1);
    expect(widthOf('🚢')).toBe(2);
    expect(widthOf('\u001b[31mred\u001b[39m')).toBe(3);
  });

  it('are kept to, with an ellipsis and closed colours', () => {
    expect(fit('short', 5)).toBe('short');
    expect(fit('longer', 5)).toBe('long…');
    expect(fit('港口港口', 5)).toBe('港口…');
    expect(fit('\u001b[31mlonger\u001b[39m', 4)).toBe('\u001b[31mlon…\u001b[0m');
    for (let columns = 1; columns < 12; columns += 1)
      expect(widthOf(fit('a港口b 港口', columns))).toBeLessThanOrEqual(columns);
  });

  it('break texts between words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('unbreakable', 4)).toEqual(['unbreakable']);
  });

  it("leave nothing of somebody else's text that could command a terminal", () => {
    expect(plain('\u001b]0;title\u0007a\u001b[2Jb\u001b[31mc\rd\ne\tf\u0000')).toBe('abc d e  f');
    expect(plain('safe\u202egpj.exe')).toBe('safegpj.exe');
    expect(plainWithColors('\u001b[31mred\u001b[39m\u001b[2J!')).toBe('\u001b[31mred\u001b[39m!\u001b[0m');
  });
});

describe('quantities', () => {
  it('are in the unit that people would use', () => {
    expect([0, 80, 949, 950, 2_149, 59_949, 59_950, 125_000, 3_599_400, 7_380_000].map(durationText)).toEqual([
      '0 ms',
      '80 ms',
      '949 ms',
      '0.9 s',
      '2.1 s',
      '59.9 s',
      '1 m 00 s',
      '2 m 05 s',
      '59 m 59 s',
      '2 h 03 m',
    ]);
    expect([-5, 59_000, 61_000, 7_200_000, 172_800_000].map(ageText)).toEqual(['0 s', '59 s', '1 m', '2 h', '2 d']);
    expect([999, 1_000, 12_340, 3_400_000, 9_960_000, 2e9].map(bytesText)).toEqual([
      '999 B',
      '1.0 kB',
      '12 kB',
      '3.4 MB',
      '10 MB',
      '2.0 GB',
    ]);
    expect(timeText(new Date(2026, 0, 31, 2, 5, 9).getTime())).toBe('2026-01-31 02:05:09');
  });
});

describe('a table', () => {
  const columns = [
    { title: 'ID', cell: (row: { id: string; name: string; note: string }) => row.id },
    { title: 'NAME', cell: (row: { name: string }) => row.name, isElastic: true },
    { title: 'NOTE', cell: (row: { note: string }) => row.note, isElastic: true, spare: 1 },
  ];
  const rows = [
    { id: '01', name: 'shop', note: 'a longer remark' },
    { id: '02', name: 'a-rather-long-name', note: '' },
  ];

  it('is aligned, and whole in a pipe', () => {
    expect(table(rows, columns, undefined)).toEqual([
      'ID  NAME                NOTE',
      '01  shop                a longer remark',
      '02  a-rather-long-name',
    ]);
  });

  it('cuts what is elastic, then leaves out what can be spared', () => {
    expect(table(rows, columns, 32)).toEqual([
      'ID  NAME                NOTE',
      '01  shop                a longe…',
      '02  a-rather-long-name',
    ]);
    expect(table(rows, columns, 20)).toEqual(['ID  NAME', '01  shop', '02  a-rather-long-n…']);
    // What is narrow anyway is not made wider, at the cost of what stands behind it.
    const narrow = [
      { title: 'A', cell: () => 'v2', isElastic: true },
      { title: 'B', cell: () => 'a-long-one' },
    ];
    expect(table([{}], narrow, 13)).toEqual(['A   B', 'v2  a-long-o…']);
    for (let width = 1; width < 45; width += 1)
      for (const line of table(rows, columns, width)) expect(widthOf(line)).toBeLessThanOrEqual(width);
  });
});

describe('the live line', () => {
  it('is written anew, gives way to what stays, and leaves the cursor as it was', () => {
    vi.useFakeTimers();
    let written = '';
    const live = new LiveLine({ isTTY: true, columns: 12, write: (text) => (written += text) });
    live.show((frame) => `working ${frame} and on`);
    vi.advanceTimersByTime(160);
    live.print('a step is done, and this line stays');
    live.stop();
    expect(written).toBe(
      [
        '\u001b[?25l\r\u001b[2Kworking 0 …',
        '\r\u001b[2Kworking 1 …',
        '\r\u001b[2Kworking 2 …',
        '\r\u001b[2Ka step is done, and this line stays\n\r\u001b[2Kworking 2 …',
        '\r\u001b[2K\u001b[?25h',
      ].join(''),
    );
    // Nothing is left that would keep the process alive, or write again.
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});
