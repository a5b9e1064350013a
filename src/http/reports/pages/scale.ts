const DAY = 86_400_000;

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Returns the horizontal position of a time. One day alone is at the right edge. */
export const timeScale =
  (from: Date, to: Date, { left, right }: Box) =>
  (time: Date): number => {
    const length = to.getTime() - from.getTime();
    return length <= 0 ? right : left + ((time.getTime() - from.getTime()) / length) * (right - left);
  };

/** Returns the vertical position of a share from 0 to 1. */
export const shareScale =
  ({ top, bottom }: Box) =>
  (share: number): number =>
    bottom - share * (bottom - top);

/** At most `most` days from `from` to `to`, with equal distances, that include the last one. */
export function ticksOf(from: Date, to: Date, most: number): Date[] {
  const days = Math.round((to.getTime() - from.getTime()) / DAY);
  const step = Math.max(1, Math.ceil(days / Math.max(most - 1, 1)));
  const ticks: Date[] = [];
  for (let day = days; day >= 0; day -= step) ticks.unshift(new Date(from.getTime() + day * DAY));
  return ticks;
}

/** Moves labels apart that would overlap, and keeps them inside the box. Their order stays the same. */
export function spread(positions: readonly number[], distance: number, { top, bottom }: Box): number[] {
  const order = positions.map((_, at) => at).sort((one, other) => at(positions, one) - at(positions, other));
  const placed = [...positions];
  let least = top;
  for (const index of order) {
    placed[index] = Math.max(at(placed, index), least);
    least = at(placed, index) + distance;
  }
  let most = bottom;
  for (const index of order.reverse()) {
    placed[index] = Math.min(at(placed, index), most);
    most = at(placed, index) - distance;
  }
  return placed;
}

const at = (values: readonly number[], index: number): number => values[index] ?? 0;
