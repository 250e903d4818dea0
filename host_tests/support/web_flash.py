# A web server for the installer's page, with a chip's bootloader behind its serial port.
# MIT license; part of microevse
"""The browser's Web Serial interface wants a person and a device. `PORT` puts an object in its
place that has the same methods and carries the bytes over HTTP to the model of the bootloader in
fakeboard/rom.py."""

import contextlib
import http.server
import json
import queue
import threading

from fakeboard.rom import Rom

PORT = """
window.opened = 0;
const port = {
  readable: null, writable: null,
  async open() {
    window.opened++;
    let on = true;
    this.stop = () => { on = false; };
    this.readable = new ReadableStream({
      async pull(c) {
        while (on) {
          const answer = await fetch('/serial');
          const data = new Uint8Array(await answer.arrayBuffer());
          if (data.length && on) { c.enqueue(data); return; }
        }
        try { c.close(); } catch (e) {}
      },
      cancel() { on = false; },
    });
    this.writable = new WritableStream({
      write: data => fetch('/serial', {method: 'POST', body: data}),
    });
  },
  async close() { this.stop(); this.readable = this.writable = null; },
  getInfo: () => ({}),
  setSignals: lines => fetch('/lines', {method: 'POST', body: JSON.stringify(lines)}),
  addEventListener() {}, removeEventListener() {},
};
Object.defineProperty(navigator, 'serial', {value: {requestPort: async () => port}});
"""


class Site:
    """Serves `folder` at `url`. flash: path of the 4 MB of the chip that hears the page. `asked`:
    paths of files; `lines`: each change of the reset lines."""

    def __init__(self, folder, flash, chip="esp32"):
        self.asked = []
        self.lines = []
        self._said = queue.Queue()
        self._lock = threading.Lock()
        self.rom = Rom(chip, flash, self._said.put, 4 << 20)
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def log_message(self, *args):
                pass

            def do_GET(self):
                if self.path == "/serial":
                    return self._answer(site.said())
                site.asked.append(self.path)
                super().do_GET()

            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/serial":
                    with site._lock:
                        site.rom.feed(data)
                else:
                    site.lines.append(json.loads(data))
                self._answer(b"")

            def _answer(self, data):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the page has gone
                    self.wfile.write(data)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/" % self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def said(self):
        """Bytes that the chip has sent since; waits a moment for the first."""
        try:
            data = self._said.get(timeout=0.2)
            while not self._said.empty():
                data += self._said.get()
            return data
        except queue.Empty:
            return b""

    def close(self):
        self._server.shutdown()
        self._server.server_close()
