# SPDX-License-Identifier: MIT
"""pycares: queries to a name server in this process, answers by callbacks."""

IMPORTS = ["pycares", "socket"]


class Server:
    """Answers A and TXT questions, and refuses the rest, over UDP."""

    def __init__(self):
        import socket
        import threading
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        import struct
        while True:
            question, address = self.socket.recvfrom(2000)
            if question == b"end":
                return
            kind = struct.unpack_from(">H", question, question.index(b"\0", 12) + 1)[0]
            end = question.index(b"\0", 12) + 5
            data = {1: b"\x0a\x01\x02\x03", 16: b"\x05hello\x05world"}.get(kind)
            head = question[:2] + struct.pack(">HHHHH", 0x8180 if data else 0x8183, 1,
                                              1 if data else 0, 0, 0)
            body = question[12:end]
            if data:
                body += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 300, len(data)) + data
            self.socket.sendto(head + body, address)

    def close(self):
        import socket
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
            b"end", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


def work(say, scratch):
    import threading

    import pycares
    say("version", pycares.ares_version() if hasattr(pycares, "ares_version") else "")
    server = Server()
    channel = pycares.Channel(servers=["127.0.0.1"], udp_port=server.port, timeout=5, tries=2,
                              rotate=False, lookups="b")
    answers, done = {}, threading.Semaphore(0)

    def ask(kind, name):
        def answer(result, error):
            answers[kind, name] = repr(result) if error is None else (
                error, pycares.errno.strerror(error))
            done.release()
        channel.query(name, kind, callback=answer)

    for i in range(40):
        ask(pycares.QUERY_TYPE_A, "host%d.example.org" % i)
    ask(pycares.QUERY_TYPE_TXT, "text.example.org")
    ask(pycares.QUERY_TYPE_MX, "none.example.org")
    for _ in range(42):
        assert done.acquire(timeout=20)
    say("answers", sorted(answers.items()))
    say("some", [answers[pycares.QUERY_TYPE_TXT, "text.example.org"],
                 answers[pycares.QUERY_TYPE_MX, "none.example.org"]])
    say("servers", len(list(channel.servers)))
    for wrong in (lambda: channel.query("a", 99999, callback=print),
                  lambda: channel.query("a", pycares.QUERY_TYPE_A, callback=3),
                  lambda: pycares.Channel(timeout=-1)):
        try:
            wrong()
        except Exception as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    channel.close()
    server.close()
