# A redis-py Sentinel client: port of the Sentinel, name of the primary, password of the Sentinel or "". For each key on standard
# input it writes once, and says OK, or the error's class.
import sys

from redis.exceptions import RedisError
from redis.sentinel import Sentinel

port, name, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
options = {"password": password} if password else {}
sentinel = Sentinel([("127.0.0.1", port)], sentinel_kwargs=options)
primary = sentinel.master_for(name)
for line in sys.stdin:
    try:
        primary.set(line.strip(), "v")
        print("OK", flush=True)
    except RedisError as error:
        print(type(error).__name__, flush=True)
