# What the Celery test sends and works off. As a program it sends the tasks, and prints how many could not be sent.
import os
import sys

from celery import Celery

app = Celery("celery_app", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
app.conf.broker_transport_options = {"max_retries": 1}


@app.task
def job(number, fails):
    with open(os.environ["RAN"], "a") as ran:
        ran.write(f"{number} {str(fails).lower()}\n")
    if fails:
        raise ValueError("meant to fail")
    return number


if __name__ == "__main__" and sys.argv[1:] == ["push"]:
    errors = 0
    for number in range(20):
        try:
            job.apply_async((number, number % 2 == 1), retry=False)
        except Exception:
            errors += 1
    print(errors)
