/** Medians and quartiles of a few dozen numbers. */

/** The value below which the part `at` (0 to 1) of the numbers lies, between neighbours if need be. */
export function quantile(numbers: readonly number[], at: number): number {
  if (numbers.length === 0) throw new RangeError("Cannot take a quantile of no numbers");
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const below = Math.floor(place), above = Math.ceil(place);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/** The middle one. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** Width of the middle half: third quartile less first. */
export function spread(numbers: readonly number[]): number {
  return quantile(numbers, 0.75) - quantile(numbers, 0.25);
}

/** Rounded to so many significant digits. */
export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}

/** What a row says of its ratios: the median, and the width of their middle half. */
export function summary(ratios: readonly number[]): { ratio: number; spread: number } {
  return { ratio: significant(median(ratios)), spread: significant(spread(ratios), 2) };
}
