# SPDX-License-Identifier: MIT
"""curl_cffi: requests to a server in this process, bodies and headers by callbacks."""

IMPORTS = ["curl_cffi", "curl_cffi.requests"]


def server():
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def answer(self, body):
            if self.path == "/gone":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("X-Path", self.path)
            self.send_header("Set-Cookie", "c=1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer(bytes(range(256)) * 4000 if self.path == "/big" else b"small")

        def do_POST(self):
            self.answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s


def work(say, scratch):
    import io
    import os

    from curl_cffi import Curl, CurlError, CurlInfo, CurlOpt, requests
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    s = server()
    base = "http://127.0.0.1:%d" % s.server_port
    try:
        with requests.Session() as session:
            r = session.get(base + "/big")
            say("big", r.content)
            say("headers", (r.status_code, r.headers["x-path"], dict(session.cookies)))
            say("posted", session.post(base + "/p", data={"a": "\u00e9", "b": "2"}).content)
            say("json", session.post(base + "/j", json={"k": [1, None]}).content)
            say("gone", session.get(base + "/gone").status_code)
            for i in range(20):
                assert session.get(base + "/%d" % i).headers["x-path"] == "/%d" % i
        curl, body, head = Curl(), io.BytesIO(), []
        curl.setopt(CurlOpt.URL, (base + "/easy").encode())
        curl.setopt(CurlOpt.WRITEFUNCTION, lambda piece: body.write(piece))
        curl.setopt(CurlOpt.HEADERFUNCTION, lambda line: (head.append(line), len(line))[1])
        curl.perform()
        say("easy", (body.getvalue(), head[0], curl.getinfo(CurlInfo.RESPONSE_CODE)))
        curl.close()
        for wrong in (base[:-5] + ":1", "nothing://x"):
            try:
                requests.get(wrong, timeout=5)
            except requests.exceptions.RequestException as e:
                say("error", (type(e).__name__, e.code))
        try:
            Curl().setopt(CurlOpt.URL, 5)
        except Exception as e:
            say("option", type(e).__name__)
        say("class", issubclass(CurlError, Exception))
    finally:
        s.shutdown()
        s.server_close()
