import { describe, expect, it } from 'vitest';
import { lookOf } from '../terminal/style.js';
import { PullMeter } from './pull.js';

const { signs } = lookOf({ isTTY: true, env: {}, platform: 'linux', noColor: true });
const layer = (id: string, status: string, currentBytes: number | null = null, totalBytes: number | null = null) => ({
  layer: id,
  status,
  currentBytes,
  totalBytes,
});

describe('the meter of a pull', () => {
  it('adds its layers up', () => {
    const meter = new PullMeter();
    meter.add({ layer: null, status: 'Pulling from shop', currentBytes: null, totalBytes: null });
    expect(meter.bar(signs, 60)).toBe('pulling from shop');
    meter.add(layer('a', 'Downloading', 1_000_000, 4_000_000));
    meter.add(layer('b', 'Downloading', 3_000_000, 4_000_000));
    expect(meter.fraction).toBe(0.5);
    expect(meter.bar(signs, 60)).toBe('████████████░░░░░░░░░░░░ 50 %, 4.0 MB of 8.0 MB');
    meter.add(layer('a', 'Download complete'));
    meter.add(layer('b', 'Extracting', 100, 4_000_000));
    expect(meter.text).toBe('100 %, extracting');
  });

  it('never goes back, though totals become known late', () => {
    const meter = new PullMeter();
    meter.add(layer('a', 'Downloading', 900, 1_000));
    expect(meter.fraction).toBe(0.9);
    meter.add(layer('b', 'Downloading', 0, 9_000));
    expect(meter.fraction).toBe(0.9);
  });

  it('leaves the bar out where there is no room for one', () => {
    const meter = new PullMeter();
    meter.add(layer('a', 'Downloading', 500, 1_000));
    expect(meter.bar(signs, 22)).toBe('50 %, 500 B of 1.0 kB');
    expect(meter.bar(signs, 30)).toBe('████░░░░ 50 %, 500 B of 1.0 kB');
  });
});
