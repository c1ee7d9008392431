"""A web server on this machine that serves files, and fails as servers and networks do."""

import contextlib
import http.server
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """What the server does.

    `files` are its contents by path; after `break_after` bytes of a body the connection is cut, as often as `n_breaks`
    says; `knows_ranges` and `etag` are as servers differ; `statuses` are answers given before any file.
    """

    files: dict[str, bytes]
    break_after: int | None = None
    n_breaks: int = 0
    knows_ranges: bool = True
    etag: str | None = '"one"'
    says_length: bool = True
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # http.server asks for this name
        does = self.server.behaviour
        wanted = self.headers.get("Range")
        does.asked.append((self.path, wanted))
        if does.statuses:
            self.send_error(does.statuses.pop(0))
            return
        if self.path not in does.files:
            self.send_error(404)
            return
        self._answer(does, does.files[self.path], wanted)

    def _answer(self, does, content, wanted):
        is_same = self.headers.get("If-Range") in (None, does.etag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and does.knows_ranges and is_same else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if does.etag:
            self.send_header("ETag", does.etag)
        if does.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Connection", "close")
        self.end_headers()
        body = content[start:]
        if does.break_after is not None and does.n_breaks > 0 and len(body) > does.break_after:
            does.n_breaks -= 1
            self.wfile.write(body[: does.break_after])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_said):
        pass


@contextlib.contextmanager
def serve(behaviour):
    """Give the address of a server that behaves so; it is gone at the end."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.behaviour = behaviour
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def unused_address():
    """An address at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
