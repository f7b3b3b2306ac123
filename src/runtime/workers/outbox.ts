// Messages to another process, one under way at a time. Of those that wait, only the last of each type is kept, so the queue
// is bounded however slow the other process is. A library of calls over IPC (birpc) would queue each call, and could not send
// sockets. Invariant: types go in the order in which they began to wait.

export class Outbox<M extends { readonly type: string }> {
  private readonly waiting = new Map<string, M>();
  private busy = false;

  /** `send` calls back once the message is sent, whether or not it arrives. */
  constructor(private readonly send: (message: M, sent: () => void) => void) {}

  post(message: M): void {
    this.waiting.set(message.type, message);
    if (!this.busy) this.next();
  }

  private next(): void {
    this.busy = false;
    for (const [type, message] of this.waiting) {
      this.waiting.delete(type);
      this.busy = true;
      this.send(message, () => this.next());
      return;
    }
  }
}
