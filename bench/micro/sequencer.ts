// What it costs to owe replies and to hand them out in order, in pipelines of DEPTH.
import { Pending } from '../../src/core/session/reply/pending-kind.js';
import { ReplySequencer } from '../../src/core/session/reply/reply-sequencer.js';
import { CopyingSink, DEPTH, type MicroCase } from './case.js';

export function sequencerCases(): MicroCase[] {
  const replies = new ReplySequencer(new CopyingSink(), {
    followUpAnswered() {},
    multiRefused() {},
    execAnswered() {},
    replyCheckAnswered() {},
    stateAnswered() {},
    consoleAllowed() {},
    connectionReset() {},
    letIn() {},
    loginWanted() {},
    protocolRefused() {},
    upstreamOom() {},
    upstreamReadonly() {},
  });
  const answers = Buffer.from('+OK\r\n'.repeat(DEPTH));
  const mixed = Buffer.from('+OK\r\n:0\r\n'.repeat(DEPTH));
  return [
    {
      what: 'plain reply',
      commands: DEPTH,
      run: () => {
        replies.owe(Pending.PASS, 0, DEPTH);
        replies.receive(answers);
      },
    },
    {
      what: 'reply with one to swallow behind it',
      commands: DEPTH,
      run: () => {
        for (let i = 0; i < DEPTH; i++) {
          replies.owe(Pending.PASS);
          replies.owe(Pending.FOLLOW_UP, 1);
        }
        replies.receive(mixed);
      },
    },
  ];
}
