# What redis-py does: pipelines, WATCH with retries, pub/sub, locks, scripts, streams, scans, reconnects, asyncio.
# Reads names of cases, plays each at the port that is its argument, and answers with a line of JSON each.
# Asks with a line of its own for Redis to be killed and started again. Judges nothing: the test compares.
import asyncio
import gc
import hashlib
import json
import sys
import threading
import traceback

import redis
import redis.asyncio

ADDRESS = {'host': '127.0.0.1', 'port': int(sys.argv[1])}
SECONDS = 20


opened = []


def connect(**options):
    client = redis.Redis(**ADDRESS, **{'socket_timeout': SECONDS, **options})
    opened.append(client)
    return client


def refusal(action, *args, **options):
    try:
        return {'unexpected': action(*args, **options)}
    except Exception as error:
        return [type(error).__name__, str(error)]


def replies_of_every_type():
    r = connect(decode_responses=True)
    return [
        r.set('a', '1'),
        r.set('a', '2', ex=999999, get=True),
        r.mset({'c': 1, 'd': 2}),
        r.mget('a', 'c', 'none'),
        r.setnx('a', 3),
        r.hset('h', mapping={'f': 'v', 'g': 'w'}),
        r.hgetall('h'),
        r.zadd('z', {'m': 1.5, 'low': -7}),
        r.zrange('z', 0, -1, withscores=True),
        r.geoadd('geo', (13.361389, 38.115556, 'Palermo')),
        r.geopos('geo', 'Palermo', 'none'),
        r.config_get('maxmemory-policy'),
        r.bitfield('bits').incrby('u8', 0, 200).get('u8', 0).execute(),
        connect().get('a'),
    ]


def errors():
    r = connect()
    r.set('a', 'text')
    return [
        refusal(r.lpush, 'a', 1),
        refusal(r.incr, 'a'),
        refusal(r.execute_command, 'NOSUCH', 'x'),
        refusal(r.execute_command, 'GET'),
        refusal(r.set, 'a', 1, ex=0),
    ]


def pipelines():
    r = connect(decode_responses=True)
    plain = r.pipeline(transaction=False)
    for i in range(1000):
        plain.setnx(f'many:{i}', i).get(f'many:{i}')
    multi = r.pipeline()
    multi.setnx('m', 1).incr('m').hgetall('none')
    failing = r.pipeline()
    failing.set('x', 'text').incr('x').get('x')
    poisoned = r.pipeline()
    poisoned.set('y', 1).execute_command('SET', 'only-a-key')
    return [plain.execute(), multi.execute(), failing.execute(raise_on_error=False)[2], refusal(poisoned.execute)]


def watch_with_retries():
    r = connect()
    r.set('count', 0)

    def add(pipe):
        value = int(pipe.get('count'))
        pipe.multi()
        pipe.set('count', value + 1)

    def work():
        own = connect()
        for _ in range(20):
            own.transaction(add, 'count')

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with r.pipeline() as pipe:
        pipe.watch('count')
        connect().set('count', 'changed')
        pipe.multi()
        pipe.set('count', 'lost')
        conflict = refusal(pipe.execute)
    return [conflict, r.get('count').decode()]


def pub_sub():
    r = connect()
    p = r.pubsub()
    p.subscribe('news')
    p.subscribe('other')
    p.psubscribe('n*')
    seen = [p.get_message(timeout=SECONDS) for _ in range(3)]
    count = r.publish('news', b'\x00\xff')
    seen += [p.get_message(timeout=SECONDS) for _ in range(2)]
    p.ping('still there')
    seen.append(p.get_message(timeout=SECONDS))
    p.unsubscribe()
    p.punsubscribe()
    # In the order of a Python set, which differs from run to run.
    left = [p.get_message(timeout=SECONDS) for _ in range(3)]
    seen += [sorted(each['type'] for each in left), sorted(each['channel'] for each in left)]
    p.close()
    handled = []
    q = r.pubsub(ignore_subscribe_messages=True)
    q.subscribe(direct=lambda message: handled.append(message['data'].decode()))
    q.get_message(timeout=SECONDS)
    thread = q.run_in_thread(sleep_time=0.01)
    r.publish('direct', 'hello')
    while not handled:
        thread.join(0.01)
    thread.stop()
    thread.join(SECONDS)
    return [count, seen, handled]


def lock():
    r = connect()
    first, second = r.lock('l', timeout=60), r.lock('l', timeout=60)
    taken = [first.acquire(), second.acquire(blocking=False)]
    extended = first.extend(30)
    first.release()
    return [taken, extended, second.acquire(), refusal(first.release), second.release()]


def scripts():
    r = connect()
    bump = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    seen = [bump(keys=['n'], args=[5])]
    r.script_flush()
    seen.append(bump(keys=['n'], args=[5]))
    r.script_flush()
    pipe = r.pipeline()
    for i in range(20):
        bump(keys=['n'], args=[i], client=pipe)
    return [seen, pipe.execute(), refusal(r.eval, "return redis.call('LPUSH', KEYS[1], 'x')", 1, 'n')]


def streams():
    r = connect(decode_responses=True)
    r.xgroup_create('st', 'g', '$', mkstream=True)
    for i in range(1, 12):
        r.xadd('st', {'f': f'v{i}', 'g': 'w'}, id=f'{i}-1')
    return [
        r.xreadgroup('g', 'one', {'st': '>'}, count=5, block=1000),
        r.xreadgroup('g', 'two', {'st': '>'}, count=50),
        r.xpending('st', 'g')['pending'],
        r.xclaim('st', 'g', 'three', 0, ['2-1'], justid=True),
        r.xautoclaim('st', 'g', 'three', 0, count=3, justid=True),
        r.xack('st', 'g', '1-1', '2-1'),
        r.xinfo_stream('st')['groups'],
        r.xread({'st': '$'}, block=10),
    ]


def blocking_reads():
    r = connect(decode_responses=True)
    result = []
    thread = threading.Thread(target=lambda: result.append(connect(decode_responses=True).blpop('queue', SECONDS)))
    thread.start()
    while r.info('clients')['blocked_clients'] == 0:
        thread.join(0.01)
    r.rpush('queue', 'job', 'next')
    thread.join(SECONDS)
    return [result, r.blmove('queue', 'done', 1), r.brpop('queue', 0.01), r.bzpopmin('z', 0.01)]


def scans_and_large_values():
    r = connect(decode_responses=True)
    pipe = r.pipeline(transaction=False)
    for i in range(500):
        pipe.set(f'scan:{i}', i).hset('h', f'f{i}', i)
    pipe.execute()
    big = connect()
    value = b'a\r\n\x00' * (2 << 20)
    big.set('big', value)
    return [
        sorted(r.scan_iter('scan:1*', count=100)),
        sorted(r.hscan_iter('h')),
        hashlib.sha1(big.get('big')).hexdigest() == hashlib.sha1(value).hexdigest(),
    ]


def connections():
    r = connect(decode_responses=True)
    r.acl_setuser('app', enabled=True, passwords=['+secret'], keys=['app:*'], categories=['+@all', '-@dangerous'])
    app = connect(username='app', password='secret', db=3, client_name='worker', decode_responses=True)
    own = next(each for each in [*r.client_list()] if each['name'] == 'worker') if app.ping() else {}
    seen = [app.set('app:a', 1), refusal(app.set, 'else', 1), refusal(app.flushall), app.acl_whoami()]
    seen.append(refusal(connect(username='app', password='wrong').ping))
    single = connect(single_connection_client=True, health_check_interval=1)
    with connect().monitor() as monitor:
        single.get('watched')
        while 'watched' not in monitor.next_command()['command']:
            pass
    r.acl_deluser('app')
    return [own['db'], own['user'], seen, r.info('keyspace')['db3']['keys'], single.echo('x').decode()]


def probes():
    r = connect(decode_responses=True)
    return [
        r.role()[0],
        r.info('server')['redis_version'],
        refusal(r.readonly),
        refusal(r.execute_command, 'CLUSTER', 'INFO'),
        r.command_count(),
        refusal(redis.RedisCluster, **ADDRESS),
        r.memory_usage('none'),
        r.time()[0] > 0,
    ]


def asynchronous():
    async def play():
        r = redis.asyncio.Redis(**ADDRESS, decode_responses=True)
        values = await asyncio.gather(*(r.incr('n') for _ in range(50)))
        async with r.pipeline(transaction=True) as pipe:
            executed = await pipe.set('a', 1).incr('a').execute()
        pubsub = r.pubsub()
        await pubsub.subscribe('news')
        await pubsub.get_message(timeout=SECONDS)
        await r.publish('news', 'hello')
        heard = await pubsub.get_message(ignore_subscribe_messages=True, timeout=SECONDS)
        await pubsub.close()
        await r.close()
        await r.connection_pool.disconnect()
        return [sorted(values), executed, heard]

    return asyncio.run(play())


def killed_and_back():
    r = connect(decode_responses=True)
    r.set('a', 1)
    idle = connect(decode_responses=True)
    idle.ping()
    p = r.pubsub()
    p.subscribe('news')
    p.get_message(timeout=SECONDS)
    answer(kill=True)
    sys.stdin.readline()
    seen = [r.set('a', 2), idle.get('a')]
    heard = None
    while heard is None or heard['type'] != 'message':
        try:
            heard = p.get_message(timeout=0.05)
        except redis.ConnectionError as error:
            seen.append(str(error))
        r.publish('news', 'again')
    p.close()
    return [seen, heard]


CASES = [
    replies_of_every_type,
    errors,
    pipelines,
    watch_with_retries,
    pub_sub,
    lock,
    scripts,
    streams,
    blocking_reads,
    scans_and_large_values,
    connections,
    probes,
    asynchronous,
    killed_and_back,
]


def shown(value):
    if isinstance(value, bytes):
        return value.decode('latin1')
    if isinstance(value, BaseException):
        return f'{type(value).__name__}: {value}'
    return str(value)


def answer(**words):
    print(json.dumps(words, default=shown), flush=True)


def play(case):
    try:
        return {'saw': case()}
    except Exception:
        return {'failed': traceback.format_exc()}


answer(version=redis.__version__, cases=[case.__name__ for case in CASES])
for line in sys.stdin:
    outcome = play(next(case for case in CASES if case.__name__ == line.strip()))
    # What still holds a client may outlive the case: redis-py's Lock keeps the first one that it sees.
    for client in opened:
        client.close()
        client.connection_pool.disconnect()
    opened.clear()
    gc.collect()
    answer(**outcome)
