// Which clients that have ended are given up, and when: by a clock and answers of the test's own.
import t from 'tap';
import { GoneClients } from '../../../src/wire/client/gone-clients.js';

class Ended {
  ownProgress: number | undefined = 0;
}

function stage() {
  let now = 0;
  const givenUp: Ended[] = [];
  const gone = new GoneClients<Ended>(
    1000,
    (client) => givenUp.push(client),
    () => now,
  );
  return {
    ...{ gone, givenUp },
    /** The server is asked each 200 ms, and answers after 10, until then. */
    answersUntil(end: number, ageMs = 10): void {
      for (; now < end; now += 200) gone.serverAnswered(ageMs);
    },
    silentUntil(end: number): void {
      now = end;
    },
  };
}

t.test('the server is silent on one connection and answers on another', async (t) => {
  const { gone, givenUp, answersUntil } = stage();
  const client = new Ended();
  gone.add(client);
  answersUntil(1700);
  t.same(givenUp, [], 'one answer behind the time allowed may be to a question from before it');
  answersUntil(2200);
  t.same(givenUp, [client]);
  answersUntil(9000);
  t.equal(givenUp.length, 1, 'once');
  t.equal(gone.size, 0);
});

t.test('a server that answers nowhere is waited for', async (t) => {
  const { gone, givenUp, answersUntil, silentUntil } = stage();
  gone.add(new Ended());
  answersUntil(1000);
  silentUntil(60_000);
  answersUntil(60_200);
  t.same(givenUp, [], 'its first answer may be to a question from before');
  answersUntil(60_800);
  t.equal(givenUp.length, 1);
});

t.test('an answer that is reported twice counts once', async (t) => {
  const { gone, givenUp, answersUntil } = stage();
  gone.add(new Ended());
  answersUntil(1700);
  for (let i = 0; i < 9; i++) gone.serverAnswered(190 + i);
  t.same(givenUp, []);
});

t.test('clients that get answers, send, or have unread replies are kept', async (t) => {
  const { gone, givenUp, answersUntil } = stage();
  const client = new Ended();
  gone.add(client);
  for (let round = 1; round < 9; round++) {
    answersUntil(round * 1600);
    client.ownProgress = round % 2 === 0 ? round : undefined;
  }
  t.same(givenUp, []);
  answersUntil(20_000);
  t.same(givenUp, [client]);
});

t.test('a client that has left is forgotten', async (t) => {
  const { gone, givenUp, answersUntil } = stage();
  const client = new Ended();
  gone.add(client);
  gone.forget(client);
  answersUntil(9000);
  t.same(givenUp, []);
});
