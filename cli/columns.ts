/**
 * Tables of text, for people: columns as wide as what is in them.
 *
 * Pure: texts in, texts out.
 *
 * @module
 */

/** A column. */
export interface Column {
  /** Its heading. */
  readonly title: string;
  /** Numbers are aligned to the right. Default: "left". */
  readonly align?: "left" | "right" | undefined;
  /**
   * Columns with the highest number go first where there is too little room; 0, the default: never.
   */
  readonly spare?: number | undefined;
}

/** Options of `formatColumns()`. */
export interface ColumnsOptions {
  /** Characters that a line may have. Default: any number. */
  readonly width?: number | undefined;
  /** What stands before each line. Default: "". */
  readonly indent?: string | undefined;
  /** Least widths of the columns, so that a table that is drawn again does not jump. */
  readonly least?: readonly number[] | undefined;
}

const GAP = "  ";

/**
 * The lines of a table, the headings first.
 *
 * @param rows texts of the cells, as many as there are columns
 */
export function formatColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width = Infinity, indent = "", least = [] }: ColumnsOptions = {},
): string[] {
  const widths = columns.map(({ title }, i) =>
    rows.reduce((most, row) => Math.max(most, row[i].length), Math.max(title.length, least[i] ?? 0))
  );
  const shown = fitting(columns, widths, width - indent.length);
  return [columns.map((column) => column.title), ...rows].map((row) => {
    const cells = shown.map((i) => {
      const cell = row[i];
      return columns[i].align === "right" ? cell.padStart(widths[i]) : cell.padEnd(widths[i]);
    });
    return cut((indent + cells.join(GAP)).trimEnd(), width);
  });
}

/** Which columns there is room for. */
function fitting(columns: readonly Column[], widths: readonly number[], room: number): number[] {
  let shown = columns.map((_, i) => i);
  const total = (): number => shown.reduce((sum, i) => sum + widths[i] + GAP.length, -GAP.length);
  while (total() > room) {
    const spare = Math.max(...shown.map((i) => columns[i].spare ?? 0));
    if (spare === 0) break;
    shown = shown.filter((i) => (columns[i].spare ?? 0) !== spare);
  }
  return shown;
}

/** A line that is at most `width` characters long; "…" stands for what was cut off. */
export function cut(line: string, width: number): string {
  if (line.length <= width) return line;
  return width <= 0 ? "" : `${line.slice(0, width - 1)}…`;
}

/** 1 "port", 2 "ports". */
export function plural(count: number, word: string, words = `${word}s`): string {
  return `${count} ${count === 1 ? word : words}`;
}
