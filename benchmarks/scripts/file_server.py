"""One file at every path, from a process of its own: ``file_server.py FILE``; prints its port. Sent by the kernel."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FILE = Path(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The file."""
        self.send_response(200)
        self.send_header("Content-Length", str(FILE.stat().st_size))
        self.send_header("ETag", '"one"')
        self.end_headers()
        self.wfile.flush()
        with FILE.open("rb") as file:
            self.connection.sendfile(file)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
