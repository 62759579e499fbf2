import type {Provider} from './cloud.js';

/** How many rows a route table takes, and whose word that is (model/cloud-modes.md §5.4). */
export interface Quota {
  readonly rows: number;
  readonly words: string;
}

/**
 * What a cloud gives an account that has asked for nothing; an account may have been given more, and no export says it. GCE counts routes
 * of a project, and by numbers of its own; TKE publishes none.
 */
const quotas: {readonly [P in Provider]?: Quota} = {
  tencent: {rows: 50, words: "Tencent's usual quota of a table"},
  alibaba: {rows: 200, words: "Alibaba's usual quota of rows of one's own"},
  aws: {rows: 500, words: "AWS's usual quota of a table (L-93826ACB)"},
};

export const quotaOf = (provider: Provider): Quota | undefined => quotas[provider];
