# The job of the RQ test.
import os


def job(number, fails):
    with open(os.environ["RAN"], "a") as ran:
        ran.write(f"{number} {str(fails).lower()}\n")
    if fails:
        raise ValueError("meant to fail")
