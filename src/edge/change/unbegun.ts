import type {Plan} from '../../core/change/plan.js';
import type {ExitCode} from '../../exit-code.js';
import type {ChangeReport} from '../reporters/documents.js';
import {newHeader} from './header.js';

/** What is said of a change that was not begun. */
export interface Unbegun {
  readonly what: Plan['what'];
  readonly title: string;
  readonly outcome: 'refused' | 'nothing-to-do';
  readonly because: readonly string[];
  readonly exit: ExitCode;
  readonly left?: Plan['left'];
  readonly warnings?: Plan['warnings'];
}

export function unbegun({what, title, outcome, because, exit, left = [], warnings = []}: Unbegun): ChangeReport {
  const {operator, since} = newHeader(title, []);
  return {
    id: null,
    what,
    title,
    operator,
    since,
    seconds: 0,
    nodes: [],
    outcome,
    because,
    stages: [],
    warnings,
    left,
    ledger: null,
    exit,
  };
}
