/** What a part of the pre-flight found. */
export interface Findings {
  /** Reasons not to begin, each naming the node or the pair, and the proof. */
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
  /** Pairs of which this could not be told, and why: tried again as soon as it can be. */
  readonly untried: readonly {readonly from: string; readonly to: string; readonly why: string}[];
}

export const nothingFound: Findings = {refused: [], warnings: [], untried: []};

export const joined = (parts: readonly Findings[]): Findings => ({
  refused: parts.flatMap((p) => p.refused),
  warnings: parts.flatMap((p) => p.warnings),
  untried: parts.flatMap((p) => p.untried),
});
