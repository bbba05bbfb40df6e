/**
 * Which target of a route is next: smooth weighted round robin. Each turn every target gains its weight, the one with most is taken
 * and pays the sum: shares are exact over any stretch of `sum` turns, and no target gets its turns in a row.
 * Source: nginx, `ngx_http_upstream_round_robin.c`.
 */
export interface Weighted {
  readonly weight: number;
}

export function balancer<T extends Weighted>(targets: readonly T[]): (isFit?: (target: T) => boolean) => T | undefined {
  const turns = targets.map((target) => ({ target, credit: 0 }));
  const sole = turns.length === 1 ? turns[0]?.target : undefined;
  return (isFit) => {
    if (sole) return !isFit || isFit(sole) ? sole : undefined;
    let total = 0;
    let best: (typeof turns)[number] | undefined;
    for (const turn of turns) {
      if (turn.target.weight <= 0 || (isFit && !isFit(turn.target))) continue;
      total += turn.target.weight;
      turn.credit += turn.target.weight;
      if (!best || turn.credit > best.credit) best = turn;
    }
    if (!best) return undefined;
    best.credit -= total;
    return best.target;
  };
}
