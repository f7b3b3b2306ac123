// The answers to PROXY questions in one process. Equal questions share an answer, and none comes later than CONSOLE_LIMIT_MS.
import { errorReply } from '../core/resp/client-errors.js';
import {
  CONSOLE_LIMIT_MS,
  type ConsoleQuestion,
  questionKey,
} from '../core/session/state/console-question.js';
import { SharedAnswers } from '../surfaces/admin/shared-answers.js';

/** @param make as for SharedAnswers; so is `longestRestMs` */
export function consoleAnswers(
  make: (questions: readonly ConsoleQuestion[]) => Promise<readonly Uint8Array[]>,
  longestRestMs?: number,
): (question: ConsoleQuestion) => Promise<Uint8Array> {
  const late = { afterMs: CONSOLE_LIMIT_MS, answer: errorReply('PROXY_TOO_LATE') };
  const answers = new SharedAnswers(make, {
    ...(longestRestMs !== undefined && { longestRestMs }),
    late,
  });
  return (question) => answers.ask(questionKey(question), question);
}
