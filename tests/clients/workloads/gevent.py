# SPDX-License-Identifier: MIT
"""gevent on its cffi loop: timers, greenlets, sockets, signals, threads, all by
callbacks that libuv makes (extern "Python")."""

IMPORTS = ["gevent", "gevent.pool", "gevent.server", "gevent.event"]


def work(say, scratch):
    import gevent
    from gevent import event, pool, queue, socket
    loop = gevent.config.loop
    say("loop", "%s.%s" % (loop.__module__, loop.__name__))
    order = []

    def sleeper(n):
        gevent.sleep(0.005 * n)
        order.append(n)
        return n * n

    say("values", pool.Pool(20).map(sleeper, [3, 1, 2, 0, 4]))
    say("order", order)
    say("echo", echo(gevent, socket))
    box, done = queue.Queue(2), event.AsyncResult()

    def consume():
        total = 0
        for item in box:
            total += item
        done.set(total)

    gevent.spawn(consume)
    for i in range(300):
        box.put(i)
    box.put(StopIteration)
    say("queue", done.get(timeout=5))
    try:
        with gevent.Timeout(0.01):
            gevent.sleep(10)
    except gevent.Timeout as e:
        say("timeout", str(e))
    failed = gevent.spawn(lambda: {}["key"])
    failed.link_exception(lambda g: order.append(type(g.exception).__name__))
    gevent.get_hub().handle_error = lambda *arguments: None
    failed.join()
    gevent.sleep(0)
    say("exception", order[-1])
    say("thread", gevent.get_hub().threadpool.apply(lambda: 6 * 7))
    say("many", sum(g.get() for g in [gevent.spawn(lambda i=i: i) for i in range(2000)]))
    say("resolved", socket.gethostbyname("127.0.0.1"))


def echo(gevent, socket):
    def serve(connection, address):
        while True:
            data = connection.recv(1000)
            if not data:
                return
            connection.sendall(data[::-1])

    from gevent.server import StreamServer
    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()

    def client(i):
        s = socket.create_connection(("127.0.0.1", server.server_port))
        answers = []
        for j in range(10):
            s.sendall(b"%d-%d." % (i, j))
            answers.append(s.recv(100))
        s.close()
        return b"".join(answers)

    jobs = [gevent.spawn(client, i) for i in range(10)]
    gevent.joinall(jobs)
    server.stop()
    return [j.value for j in jobs]
