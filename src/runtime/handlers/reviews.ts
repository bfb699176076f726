/** Review comments. */
import { type Handlers, notBuilt } from './handler.ts';

type ReviewsTag =
  | 'create_review_comment'
  | 'update_review_comment'
  | 'delete_review_comment'
  | 'list_review_comments';

/** Handlers of this group. */
export function createReviewsHandlers(): Handlers<ReviewsTag> {
  return {
    create_review_comment: notBuilt,
    update_review_comment: notBuilt,
    delete_review_comment: notBuilt,
    list_review_comments: notBuilt,
  };
}
