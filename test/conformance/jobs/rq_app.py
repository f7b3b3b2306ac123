# What the RQ test enqueues and works off: `push` prints how many jobs could not be enqueued, `work` ends with the queue.
import os
import sys

from redis import Redis
from rq import Queue, SimpleWorker

import rq_jobs

connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=connection)
if sys.argv[1] == "push":
    errors = 0
    for number in range(20):
        try:
            queue.enqueue(rq_jobs.job, number, number % 2 == 1)
        except Exception:
            errors += 1
    print(errors)
else:
    SimpleWorker([queue], connection=connection).work(burst=True)
